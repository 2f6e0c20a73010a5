"""A student works through every notebook in JupyterLab; screenshots go to build/screenshots/.

`make browser` runs this; it needs Chromium, and no network.
"""

import shutil
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, expect, sync_playwright

from course_lib.checks import exercise
from tests.browser.lab import Notebook, chromium, jupyterlab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
RUN_ALL_SECONDS = 300
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
    "17_fast_training": (
        "fast_training.roofline_seconds",
        "added",
        """\
def roofline_seconds(flops, bytes, peak_flops, peak_bandwidth):
    return flops / peak_flops + bytes / peak_bandwidth
""",
    ),
}


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
        away = [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]
        assert away == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_student_works_through(lesson, lab, page):
    notebook = Notebook(page, lab, f"{lesson}.ipynb")
    notebook.run_all(RUN_ALL_SECONDS)
    notebook.screenshots(SCREENSHOTS / lesson / "fresh")
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
    expect(shown).to_contain_text(sentence)


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


EXPLORERS = {
    "01_divergences": drag_a_slider,
    "02_elbo": drag_an_ellipse,
    "05_vae": drag_a_latent_point,
}
