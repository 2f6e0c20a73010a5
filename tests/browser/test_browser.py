"""A student works through every notebook in JupyterLab; screenshots go to build/screenshots/.

`make browser` runs this; it needs Chromium, and no network. In CI nobody looks at whole notebooks.
"""

import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

from course_lib.checks import exercise
from tests.browser.explorers import EXPLORERS
from tests.browser.lab import SETTINGS, Notebook, chromium, end_kernels, jupyterlab
from tests.browser.wrong import WRONG

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
RUN_ALL_SECONDS = 300
ERROR = '[data-mime-type="application/vnd.jupyter.stderr"]'
expect.set_options(timeout=20_000)

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


@contextmanager
def page_that_stays_at_home(browser):
    with browser.new_context() as context:
        asked = []
        context.on("request", lambda request: asked.append(request.url))
        yield context.new_page()
        # The last is a cell's own picture.
        near = ("http://127.0.0.1:", "data:", "blob:", "attachment:")
        away = [url for url in asked if not url.startswith(near)]
        assert away == []


@pytest.fixture
def page(browser):
    with page_that_stays_at_home(browser) as page:
        yield page


class Desk:
    """JupyterLab open from lesson to lesson: to load it takes longer than many of them do."""

    def __init__(self, browser):
        self.browser, self.used, self.page = browser, ExitStack(), None

    def open(self, address: str, name: str) -> Notebook:
        self.page = self.page or self.used.enter_context(page_that_stays_at_home(self.browser))
        return Notebook(self.page, address, name)

    def clear(self) -> None:
        self.page = None
        self.used.close()


@pytest.fixture(scope="session")
def desk(browser):
    desk = Desk(browser)
    yield desk
    desk.clear()


@pytest.fixture
def notebook(lesson, lab, desk, request):
    """A lesson that is open. Its kernel ends with the test: 27 of them would fill the memory."""
    failed = request.session.testsfailed
    try:
        notebook = desk.open(lab, f"{lesson}.ipynb")
        yield notebook
        if request.session.testsfailed == failed:
            notebook.close()
        else:
            desk.clear()  # who knows what stands open
    except Exception:
        desk.clear()
        raise
    finally:
        end_kernels(lab)


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_student_works_through(lesson, notebook, request):
    for name, source in solutions(lesson).items():
        notebook.write(notebook.find("exercise", name), source)
    notebook.run_all(RUN_ALL_SECONDS)
    if lesson in EXPLORERS:
        EXPLORERS[lesson](notebook)
    if not request.config.getoption("--no-screenshots"):
        notebook.screenshots(SCREENSHOTS / lesson / "solved")
    assert_all_ran(notebook, may_fail=None)
    for name in solutions(lesson):
        shown = notebook.locate(notebook.find("check", name)).locator(".jp-OutputArea")
        expect(shown).to_contain_text("✓")
    assert_nothing_red(notebook)
    try_one_wrong_answer(notebook, *WRONG[lesson])


@pytest.mark.parametrize("lesson", ["05_vae"])
def test_what_is_not_written_yet_is_told_by_a_card_alone(lesson, notebook):
    """Every lesson's fresh notebook runs in tests/test_lessons.py; here one is looked at."""
    notebook.run_all(RUN_ALL_SECONDS)
    notebook.screenshots(SCREENSHOTS / lesson / "fresh")
    assert_nothing_red(notebook)
    assert_all_ran(notebook, may_fail="raises-exception")
    name, source = next(iter(solutions(lesson).items()))
    notebook.write(notebook.find("exercise", name), source)
    notebook.run(notebook.find("exercise", name))
    expect(notebook.run(notebook.find("check", name))).to_contain_text("✓")


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


def assert_nothing_red(notebook: Notebook) -> None:
    """No warning and no exception is to be seen."""
    for error in notebook.page.locator(ERROR).all():
        expect(error).to_be_hidden()


def assert_all_ran(notebook: Notebook, may_fail: str | None) -> None:
    cells = notebook.cells()
    errors = [
        f"{output['ename']}: {output['evalue']}\nin the cell\n{cell['source']}"
        for cell, outputs in zip(cells, notebook.errors(), strict=True)
        if may_fail not in cell["metadata"].get("tags", ())
        for output in outputs
    ]
    assert not errors, "\n\n".join(errors)
    assert all(cell["count"] for cell in cells if cell["type"] == "code")


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
