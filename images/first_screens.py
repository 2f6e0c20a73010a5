"""Make a lesson's first picture from its executed solution: `python images/first_screens.py`.

Of the lessons that are named behind it, or of all.
"""

import sys

from PIL import Image
from readme import ROOT, picture_of

# A solution, and words of the titles of what stands in its first picture, one below another, or of
# the cells that draw it; behind the words of what is there several times, which of them.
PICTURES = {
    "00_start": ("Emoji pairs: one meaning",),
    "01_divergences": ("smallest KL(data",),
    "02_elbo": ("over the posterior (gray)",),
    "03_reparameterization": ("One run of each",),
    "04_autoencoders": ("rebuilt, and made up",),
    "05_vae": ("Digits that nobody wrote",),
    "06_better_vaes": ("The rate–distortion curve", "β = 4: one latent"),
    "07_likelihood": ("The bound climbs",),
    "09_first_gan": ("Twelve points of latent",),
    "17a_fast_training": ("VAE, batch 128",),
    "17b_fast_training": ("nine weights",),
    "08a_minimax": ('judge = {"best D"', "The best Gaussian of each"),
    "08b_minimax": ("The Dirac-GAN, {title}",),
    "11a_stable_gans": ("A plain GAN, by gradient evaluations", "Gradient of the loss by layer"),
    "11b_stable_gans": ("The critic's slope on the way", "The contest: "),
    "10_dcgan": ("None chosen", "Drawn by nobody"),
    "12_evaluation": ("worse than luck explains",),
    "13_conditional": ('"One z a row", value_range',),
    "14a_cyclegan": ("Two heaps, no pairs", "One emoji, normalized"),
    "14b_cyclegan": ("Digits, translated",),
    "15a_editing": ("brush_explorer(fill",),
    "15b_editing": ("Content, style, the plain way",),
    "16_gan_or_vae": ("Twelve z, three models",),
    "18a_clinic": ("Case F9: a loss", "a judge that bends"),
    "18b_clinic": ("Who comes home?",),
    "18c_clinic": ("Lower wins",),
    "19a_responsible": (("samples, not chosen, and the nearest", 0), "nearest is one of the ten"),
    "19b_responsible": ("watermark_explorer(",),
}
WIDTH, GAP = 760, 8


def main() -> None:
    """Pictures of one width, few colors: a committed file stays small."""
    for stem in sys.argv[1:] or PICTURES:
        asked = [(each,) if isinstance(each, str) else each for each in PICTURES[stem]]
        pictures = [picture_of(stem, *each) for each in asked]
        pictures = [p.resize((WIDTH, round(p.height * WIDTH / p.width))) for p in pictures]
        height = sum(p.height for p in pictures) + GAP * (len(pictures) - 1)
        page, top = Image.new("RGB", (WIDTH, height), "white"), 0
        for picture in pictures:
            page.paste(picture, (0, top))
            top += picture.height + GAP
        red, green, blue = page.split()
        colors = 16 if red == green == blue else 128
        # MAXCOVERAGE: a thin line keeps a color of its own, which the default gives to its neighbor
        page = page.quantize(colors, method=Image.Quantize.MAXCOVERAGE)
        page.save(ROOT / "images" / f"{stem}.png", optimize=True)


if __name__ == "__main__":
    main()
