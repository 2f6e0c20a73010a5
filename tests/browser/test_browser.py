"""A student works through every notebook in JupyterLab; screenshots go to build/screenshots/.

`make browser` runs this; it needs Chromium, and no network.
"""

import shutil
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, expect, sync_playwright

from course_lib.checks import exercise
from tests.browser.lab import SETTINGS, Notebook, chromium, jupyterlab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
RUN_ALL_SECONDS = 300
ERROR = '[data-mime-type="application/vnd.jupyter.stderr"]'
expect.set_options(timeout=20_000)

# For one exercise of each lesson: the misconception that this source holds.
WRONG = {
    "00_start": (
        "start.rescale",
        "divided_by_256",
        """\
def rescale(images_uint8, low, high):
    return low + (high - low) * images_uint8.float() / 256
""",
    ),
    "01_divergences": (
        "divergences.kl_gaussian",
        "half_forgotten",
        """\
def kl_gaussian(mean_q, log_var_q, mean_p, log_var_p):
    squares = (log_var_q.exp() + (mean_q - mean_p) ** 2) / log_var_p.exp()
    return (log_var_p - log_var_q + squares - 1).sum(-1)
""",
    ),
    "02_elbo": (
        "elbo.importance_bound",
        "mean_of_logarithms",
        """\
def importance_bound(log_weights):
    return log_weights.mean(dim=0)
""",
    ),
    "03_reparameterization": (
        "reparameterization.reparameterize",
        "variance_as_std",
        """\
def reparameterize(mean, log_var, noise):
    return mean + log_var.exp() * noise
""",
    ),
    "04_autoencoders": (
        "autoencoders.psnr",
        "batch_in_one",
        """\
def psnr(images, restored, peak):
    return 10 * torch.log10(peak**2 / (images - restored).square().mean())
""",
    ),
    "05_vae": (
        "vae.negative_elbo",
        "kl_subtracted",
        """\
def negative_elbo(logits, images, mean, log_var):
    pixels = torch.distributions.Bernoulli(logits=logits)
    log_likelihood = pixels.log_prob(images).sum(dim=(1, 2, 3))
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1)
    return -(log_likelihood + kl).mean(), log_likelihood, kl
""",
    ),
    "06_better_vaes": (
        "better_vaes.free_bits",
        "each_image_alone",
        """\
def free_bits(kl_per_dim, floor):
    return kl_per_dim.clamp(min=floor).mean(dim=0).sum()
""",
    ),
    "07_likelihood": (
        "likelihood.iwae_loss",
        "elbo",
        """\
def iwae_loss(log_weights):
    return -log_weights.mean()
""",
    ),
    "08a_minimax": (
        "minimax.value_function",
        "log_d_subtracted",
        """\
def value_function(real_logits, fake_logits):
    return F.logsigmoid(real_logits).mean() - F.logsigmoid(fake_logits).mean()
""",
    ),
    "08b_minimax": (
        "minimax.dirac_gan_step",
        "psi_first",
        """\
def dirac_gan_step(theta, psi, learning_rate, r1_weight):
    psi = psi + learning_rate * (theta * torch.sigmoid(-psi * theta) - r1_weight * psi)
    return theta - learning_rate * psi * torch.sigmoid(-psi * theta), psi
""",
    ),
    "09_first_gan": (
        "first_gan.discriminator_step",
        "not_detached",
        """\
def discriminator_step(generator, discriminator, optimizer, real, noise):
    softplus = torch.nn.functional.softplus
    fake = generator(noise)
    loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
""",
    ),
    "11a_stable_gans": (
        "stable_gans.gradient_penalty",
        "one_sided",
        """\
def gradient_penalty(critic, real, fake, mix):
    mix = mix.view(-1, *[1] * (real.ndim - 1))
    x = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).relu().square().mean()
""",
    ),
    "11b_stable_gans": (
        "stable_gans.hinge_losses",
        "not_cut_off",
        """\
def hinge_losses(real_scores, fake_scores):
    return (1 - real_scores).mean() + (1 + fake_scores).mean(), -fake_scores.mean()
""",
    ),
    "10_dcgan": (
        "dcgan.batch_norm",
        "momentum_of_the_old",
        """\
def batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        running_mean = momentum * running_mean + (1 - momentum) * mean.detach()
        new_var = x.detach().var((0, 2, 3))
        running_var = momentum * running_var + (1 - momentum) * new_var
    mean, std, weight, bias = (v[:, None, None] for v in (mean, (var + eps).sqrt(), weight, bias))
    return weight * (x - mean) / std + bias, running_mean, running_var
""",
    ),
    "12_evaluation": (
        "evaluation.kid",
        "diagonal_kept",
        """
def kid(features_a, features_b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    within = kernel(features_a, features_a).mean() + kernel(features_b, features_b).mean()
    return within - 2 * kernel(features_a, features_b).mean()
""",
    ),
    "13_conditional": (
        "conditional.projection_logits",
        "one_kept",
        """\
def projection_logits(features, labels, embedding, linear):
    return linear(features) + (embedding(labels) * features).sum(dim=1)
""",
    ),
    "14a_cyclegan": (
        "cyclegan.instance_norm",
        "unbiased",
        """\
def instance_norm(x, eps):
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True)
    return (x - mean) / (variance + eps).sqrt()
""",
    ),
    "14b_cyclegan": (
        "cyclegan.ImagePool",
        "always_swaps",
        """\
class ImagePool:
    def __init__(self, size, generator):
        self.size, self.generator, self.images = size, generator, []

    def query(self, images):
        back = []
        for image in images.detach().clone():
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.size:
                slot = int(torch.randint(self.size, (), generator=self.generator))
                image, self.images[slot] = self.images[slot], image
            back.append(image)
        return torch.stack(back)
""",
    ),
    "16_gan_or_vae": (
        "gan_or_vae.feature_reconstruction_loss",
        "features_averaged",
        """\
def feature_reconstruction_loss(discriminator_features, images, recon):
    target = discriminator_features(images).detach()
    return F.mse_loss(discriminator_features(recon), target)
""",
    ),
    "15a_editing": (
        "editing.composite",
        "mask_made_hard",
        """\
def composite(foreground, background, mask):
    return torch.where(mask > 0.5, foreground, background)
""",
    ),
    "15b_editing": (
        "editing.gram_matrix",
        "divided_by_places",
        """\
def gram_matrix(features):
    flat = features.flatten(2)
    return flat @ flat.mT / flat.shape[2]
""",
    ),
    "17_fast_training": (
        "fast_training.roofline_seconds",
        "added",
        """\
def roofline_seconds(flops, bytes, peak_flops, peak_bandwidth):
    return flops / peak_flops + bytes / peak_bandwidth
""",
    ),
    "18a_clinic": (
        "clinic.c11_vae_loss",
        "pixels_averaged",
        """\
def c11_vae_loss(logits, x, m, lv):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x)
    return reconstruction + 0.5 * (m**2 + lv.exp() - 1 - lv).sum(1).mean()
""",
    ),
    "18c_clinic": (
        "clinic.c18_scale",
        "as_if_bytes",
        """\
def c18_scale(x):
    return x / 127.5 - 1
""",
    ),
    "18b_clinic": (
        "clinic.c22_d_loss",
        "not_detached",
        """\
def c22_d_loss(G, D, x, z):
    softplus = torch.nn.functional.softplus
    return softplus(-D(x)).mean() + softplus(D(G(z))).mean()
""",
    ),
    "19a_responsible": (
        "responsible.memorization_rate",
        "samples_set_the_threshold",
        """\
def memorization_rate(samples, train, test, quantile):
    nearest = torch.cdist(samples.flatten(1), train.flatten(1)).amin(dim=1)
    return (nearest < nearest.quantile(quantile)).float().mean()
""",
    ),
    "19b_responsible": (
        "responsible.embed_watermark",
        "each_image_its_own",
        """\
def embed_watermark(images, key, strength):
    own = torch.Generator().manual_seed(key)
    pattern = 2.0 * torch.randint(0, 2, images.shape, generator=own) - 1
    return (images + strength * pattern.to(images)).clamp(0, 1)
""",
    ),
}

# WCAG's contrast of every visible text to what lies behind it, by text.
CONTRASTS = """area => {
    const numbers = color => color.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) =>
        0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const behind = e => {
        const color = numbers(getComputedStyle(e).backgroundColor);
        const seen = color.length === 3 || color[3] > 0;
        return seen || !e.parentElement ? color : behind(e.parentElement);
    };
    const found = {}, walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
        if (!text || !e.checkVisibility() || !e.closest('.jp-RenderedHTMLCommon')) continue;
        const both = [light(numbers(getComputedStyle(e).color)), light(behind(e))];
        found[text] = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    }
    return found;
}"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    notebooks = tmp_path_factory.mktemp("course") / "notebooks"
    shutil.copytree(ROOT / "notebooks", notebooks)
    with jupyterlab(notebooks, home=tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


@pytest.fixture
def page(browser):
    with browser.new_context() as context:
        asked = []
        context.on("request", lambda request: asked.append(request.url))
        yield context.new_page()
        near = (
            "http://127.0.0.1:",
            "data:",
            "blob:",
            "attachment:",
        )  # the last: a cell's own picture
        away = [url for url in asked if not url.startswith(near)]
        assert away == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_student_works_through(lesson, lab, page):
    notebook = Notebook(page, lab, f"{lesson}.ipynb")
    notebook.run_all(RUN_ALL_SECONDS)
    notebook.screenshots(SCREENSHOTS / lesson / "fresh")
    for error in notebook.page.locator(ERROR).all():
        expect(error).to_be_hidden()  # what is not written yet is told by a card alone
    assert_all_ran(notebook, may_fail="raises-exception")

    try_one_wrong_answer(notebook, *WRONG[lesson])
    for name, source in solutions(lesson).items():
        solve(notebook, name, source)

    notebook.run_all(RUN_ALL_SECONDS)
    if lesson in EXPLORERS:
        EXPLORERS[lesson](notebook)
    notebook.screenshots(SCREENSHOTS / lesson / "solved")
    assert_all_ran(notebook, may_fail=None)


def test_a_term_leads_to_its_place_in_the_glossary(page, tmp_path):
    """At JupyterLab's own settings, which decide how cells come into a page that a link opens."""
    notebooks, home = shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks"), tmp_path / "home"
    home.mkdir()
    with jupyterlab(notebooks, home, settings={}) as address:
        Notebook(page, address, "05_vae.ipynb")
        for tab, link, term in (
            ("05_vae.ipynb", "evidence lower bound", "Evidence lower bound"),  # opens the page
            ("05_vae.ipynb", "Bayes' rule", "Bayes' rule"),
            ("glossary.ipynb", "Z", "Zero-sum game"),
        ):
            page.get_by_role("tab", name=tab).click()
            page.locator(".jp-Notebook").get_by_role("link", name=link, exact=True).click()
            expect(page.locator(".jp-Notebook h3", has_text=term)).to_be_in_viewport()
            page.screenshot(path=SCREENSHOTS / "glossary" / f"{term}.png")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_verdicts_and_progress_are_read_easily_in_both_themes(theme, page, tmp_path):
    notebooks, home = shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks"), tmp_path / "home"
    settings = SETTINGS | {"apputils-extension/themes": {"theme": f"JupyterLab {theme}"}}
    home.mkdir()
    with jupyterlab(notebooks, home, settings=settings) as address:
        notebook = Notebook(page, address, "03_reparameterization.ipynb")
        name, _, wrong = WRONG["03_reparameterization"]
        notebook.run(next(n for n, cell in enumerate(notebook.cells()) if cell["type"] == "code"))
        cell, checked = (notebook.find(kind, name) for kind in ("exercise", "check"))
        check_it = f'check("{name}", reparameterize)'
        for state, source, then in (
            ("unwritten", "def reparameterize(mean, log_var, noise):\n    ...", check_it),
            ("wrong", wrong, check_it),
            ("right", solutions("03_reparameterization")[name], check_it),
            ("progress", "from course_lib.checks import progress", "progress()"),
        ):
            notebook.write(cell, source)
            notebook.run(cell)
            notebook.write(checked, then)
            shown = notebook.run(checked)
            for summary in shown.locator("summary").all():
                summary.click() if summary.is_visible() else None
            shown.scroll_into_view_if_needed()
            page.screenshot(path=SCREENSHOTS / "themes" / f"{theme} {state}.png")
            contrasts = shown.evaluate(CONTRASTS)
            assert contrasts and min(contrasts.values()) >= 4.5, (state, contrasts)


def assert_all_ran(notebook: Notebook, may_fail: str | None) -> None:
    code = [cell for cell in notebook.cells() if cell["type"] == "code"]
    errors = [
        f"{output['ename']}: {output['evalue']}\nin the cell\n{cell['source']}"
        for cell in code
        if may_fail not in cell["metadata"].get("tags", ())
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]
    assert not errors, "\n\n".join(errors)
    assert all(cell["count"] for cell in code)


def try_one_wrong_answer(notebook: Notebook, name: str, misconception: str, source: str) -> None:
    (sentence,) = [m.sentence for m in exercise(name).misconceptions if m.name == misconception]
    notebook.write(notebook.find("exercise", name), source)
    notebook.run(notebook.find("exercise", name))
    shown = notebook.run(notebook.find("check", name))
    shown.scroll_into_view_if_needed()
    notebook.page.screenshot(path=SCREENSHOTS / Path(notebook.name).stem / "wrong.png")
    expect(shown).to_contain_text(sentence.replace("`", ""))
    expect(shown.locator(ERROR)).to_be_hidden()
    hints = shown.locator("details")
    expect(hints.locator("div").first).to_be_hidden()
    hints.first.locator("summary").first.click()
    expect(hints.locator("div").first).to_be_visible()


def solutions(lesson: str) -> dict[str, str]:
    """The source of each exercise, by its full name, from the complete notebook."""
    complete = nbformat.read(ROOT / "solutions" / f"{lesson}.ipynb", as_version=4)
    exercises = [cell for cell in complete.cells if "exercise" in cell.metadata]
    return {cell.metadata["exercise"]: cell.source for cell in exercises}


def solve(notebook: Notebook, name: str, source: str) -> None:
    notebook.write(notebook.find("exercise", name), source)
    notebook.run(notebook.find("exercise", name))
    shown = notebook.run(notebook.find("check", name))
    expect(shown).to_contain_text("✓")
    expect(shown).not_to_contain_text("CheckFailed")


def drag_a_slider(notebook: Notebook) -> None:
    """The picture of the three divergences follows the mean of q."""
    explorer = notebook.page.locator(".kl-explorer")
    picture, value = explorer.locator("img.widget-image"), explorer.locator(".widget-readout").first
    value_before, pixels_before = value.inner_text(), pixels(picture)
    drag(notebook, explorer.locator(".noUi-handle").first, by=(-50, 0))
    expect(value).not_to_have_text(value_before)
    wait_for_other_pixels(picture, pixels_before)


def drag_a_latent_point(notebook: Notebook) -> None:
    """The decoded image follows the point on the latent map."""
    canvas = notebook.page.get_by_role("application", name="Latent map")
    decoded = canvas.locator("xpath=..").locator("img")
    before = pixels(decoded)
    drag(notebook, canvas, by=(60, -40))
    wait_for_other_pixels(decoded, before)


def drag_an_ellipse(notebook: Notebook) -> None:
    """The map with q's ellipses and the bar of ELBO and gap follow the mean of q."""
    explorer = notebook.page.locator(".ellipse-explorer")
    bar, value = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    value_before, pixels_before = value.inner_text(), pixels(bar)
    drag(notebook, explorer.get_by_role("application", name="Latent map"), by=(-60, 40))
    expect(value).not_to_have_text(value_before)
    wait_for_other_pixels(bar, pixels_before)


def drag_through_a_game(notebook: Notebook) -> None:
    """The densities follow the moment, and the number of discriminator steps."""
    explorer = notebook.page.locator(".game-explorer")
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    for slider in (0, 2):
        words_before, pixels_before = words.inner_text(), pixels(picture)
        drag(notebook, explorer.locator(".noUi-handle").nth(slider), by=(60, 0))
        expect(words).not_to_have_text(words_before)
        wait_for_other_pixels(picture, pixels_before)


def watch_modes(notebook: Notebook) -> None:
    """The samples follow the moment, the seed, and the method."""
    explorer = notebook.page.locator(".mode-explorer")
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    words_before, pixels_before = words.inner_text(), pixels(picture)
    drag(notebook, explorer.locator(".noUi-handle").nth(0), by=(-60, 0))
    expect(words).not_to_have_text(words_before)
    wait_for_other_pixels(picture, pixels_before)
    pixels_before = pixels(picture)
    drag(notebook, explorer.locator(".noUi-handle").nth(1), by=(200, 0))
    wait_for_other_pixels(picture, pixels_before)
    pixels_before = pixels(picture)
    explorer.locator("select").select_option(index=2)
    wait_for_other_pixels(picture, pixels_before)


def slide_through_a_training(notebook: Notebook) -> None:
    """The samples follow the moment; another run of the menu has samples of its own."""
    explorer = notebook.page.locator(".moments-explorer").first
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    words_before, pixels_before = words.inner_text(), pixels(picture)
    drag(notebook, explorer.locator(".noUi-handle"), by=(60, 0))
    expect(words).not_to_have_text(words_before)
    wait_for_other_pixels(picture, pixels_before)
    pixels_before = pixels(picture)
    explorer.locator("select").select_option("DCGAN")
    wait_for_other_pixels(picture, pixels_before)


def slide_the_draws(notebook: Notebook) -> None:
    """Bars, bound and effective sample size follow the number of draws, and the menu of q."""
    explorer = notebook.page.locator(".weights-explorer")
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    words_before, pixels_before = words.inner_text(), pixels(picture)
    drag(notebook, explorer.locator(".noUi-handle"), by=(60, 0))
    expect(words).not_to_have_text(words_before)
    wait_for_other_pixels(picture, pixels_before)
    pixels_before = pixels(picture)
    explorer.locator("select").select_option("s = 1/20")
    wait_for_other_pixels(picture, pixels_before)


def sit_the_blind_test(notebook: Notebook) -> None:
    """Twenty clicks, each of which shows another pair, and then the interval; then once more."""
    explorer = notebook.page.locator(".forced-choice")
    explorer.scroll_into_view_if_needed()
    picture = explorer.locator("img.widget-image").first
    for number in range(20):
        expect(explorer).to_contain_text(f"Pair {number + 1} of 20")
        before = pixels(picture)
        side = "left" if number % 3 else "right"
        explorer.get_by_role("button", name=f"The {side} is real").click()
        if number < 19:
            wait_for_other_pixels(picture, before)
    expect(explorer).to_contain_text("of 20 correct")
    expect(explorer).to_contain_text("95% interval")
    expect(explorer.get_by_role("button", name="The left is real")).to_be_disabled()
    explorer.get_by_role("button", name="Once more").click()
    expect(explorer).to_contain_text("Pair 1 of 20")


def choose_a_label(notebook: Notebook) -> None:
    """Another label shows another map and image; a dragged point changes the strip."""
    explorer = notebook.page.locator(".label-explorer")
    explorer.scroll_into_view_if_needed()
    canvas = explorer.get_by_role("application", name="Latent map")
    decoded = canvas.locator("xpath=..").locator("img")
    strip = explorer.locator("img.widget-image")
    before = pixels(decoded)
    explorer.get_by_role("button", name="7", exact=True).click()
    wait_for_other_pixels(decoded, before)
    before = pixels(strip)
    drag(notebook, canvas, by=(60, -40))
    wait_for_other_pixels(strip, before)


def wash_off_a_watermark(notebook: Notebook) -> None:
    """A stronger mark and another attack change what is found; so does the attack's amount."""
    explorer = notebook.page.locator(".watermark-explorer")
    explorer.scroll_into_view_if_needed()
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    explorer.locator("select").select_option("shift (pixels)")  # by 0 pixels at first
    for slider in (0, 1):
        words_before, pixels_before = words.inner_text(), pixels(picture)
        drag(notebook, explorer.locator(".noUi-handle").nth(slider), by=(60, 0))
        expect(words).not_to_have_text(words_before)
        wait_for_other_pixels(picture, pixels_before)


def translate_an_emoji(notebook: Notebook) -> None:
    """Another step of the training, and another emoji, show other pictures."""
    explorer = notebook.page.locator(".translation-explorer")
    explorer.scroll_into_view_if_needed()
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    before = words.inner_text()
    drag(notebook, explorer.locator(".noUi-handle"), by=(-200, 0))
    expect(words).not_to_have_text(before)
    pixels_before = pixels(picture)
    explorer.locator("select").select_option(index=3)
    wait_for_other_pixels(picture, pixels_before)


def weigh_what_matters(notebook: Notebook) -> None:
    """Another reader, and then a weight of one's own, show other bars and another answer."""
    explorer = notebook.page.locator(".choice-explorer")
    explorer.scroll_into_view_if_needed()
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    words_before, pixels_before = words.inner_text(), pixels(picture)
    explorer.locator("select").select_option("I augment a data set")
    wait_for_other_pixels(picture, pixels_before)
    expect(words).not_to_have_text(words_before)
    pixels_before = pixels(picture)
    drag(notebook, explorer.locator(".noUi-handle").nth(5), by=(80, 0))
    wait_for_other_pixels(picture, pixels_before)


def paint_a_hole(notebook: Notebook) -> None:
    """What is painted is filled by the model; cleared, the image is back; another one can come."""
    explorer = notebook.page.locator(".brush-explorer")
    explorer.scroll_into_view_if_needed()
    canvas = explorer.get_by_role("application", name="Image: paint a hole")
    filled, told = canvas.locator("xpath=..").locator("img"), explorer.locator("output")
    expect(told).to_contain_text("0 of 784 pixels painted")
    clean = pixels(filled)
    drag(notebook, canvas, by=(60, -60))
    expect(told).not_to_contain_text("0 of 784 pixels painted")
    wait_for_other_pixels(filled, clean)
    before = pixels(filled)
    explorer.get_by_role("button", name="Clear the hole").click()
    expect(told).to_contain_text("0 of 784 pixels painted")
    wait_for_other_pixels(filled, before)
    canvas.press("ArrowDown")
    canvas.press("Space")
    wait_for_other_pixels(filled, clean)


def pixels(picture: Locator) -> str:
    """What an <img> shows. Its address tells nothing: each new picture has a new one."""
    return picture.evaluate(
        """image => {
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL();
        }"""
    )


def wait_for_other_pixels(picture: Locator, before: str, seconds: int = 20) -> None:
    for _ in range(seconds * 5):
        if pixels(picture) != before:
            return
        picture.page.wait_for_timeout(200)
    raise AssertionError(f"the picture is the same {seconds} s after the drag")


def drag(notebook: Notebook, what: Locator, by: tuple[int, int]) -> None:
    what.scroll_into_view_if_needed()
    box = what.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = notebook.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + by[0], y + by[1], steps=5)
    mouse.up()


def examine_patients(notebook: Notebook) -> None:
    """A measurement fills the table, a diagnosis is answered, another patient comes."""
    room = notebook.page.locator(".consulting-room")
    room.scroll_into_view_if_needed()
    picture, before = room.locator("img.widget-image"), None
    for number in (1, 2):
        expect(room).to_contain_text(f"Patient {number}")
        if before:
            wait_for_other_pixels(picture, before)
        before = pixels(picture)
        rows = room.locator(".widget-hbox")
        measurement = rows.nth(0).get_by_role("button").first
        name = measurement.inner_text()
        measurement.click()
        expect(room.locator("table")).to_contain_text(name)
        expect(measurement).to_be_disabled()
        rows.nth(1).get_by_role("button").nth(number).click()
        expect(room).to_contain_text("after 1 measurement")
        room.get_by_role("button", name="Next patient").click()


EXPLORERS = {
    "01_divergences": drag_a_slider,
    "02_elbo": drag_an_ellipse,
    "05_vae": drag_a_latent_point,
    "07_likelihood": slide_the_draws,
    "08b_minimax": drag_through_a_game,
    "11a_stable_gans": watch_modes,
    "11b_stable_gans": watch_modes,
    "10_dcgan": slide_through_a_training,
    "12_evaluation": sit_the_blind_test,
    "13_conditional": choose_a_label,
    "18a_clinic": examine_patients,
    "18b_clinic": examine_patients,
    "18c_clinic": examine_patients,
    "19b_responsible": wash_off_a_watermark,
    "14b_cyclegan": translate_an_emoji,
    "16_gan_or_vae": weigh_what_matters,
    "15a_editing": paint_a_hole,
}
