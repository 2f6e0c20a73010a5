"""JupyterLab in headless Chromium, as a student uses it: menus, keys and the mouse.

What the page shows is read from the page; what has run is read from JupyterLab's own notebook
model (`--expose-app-in-browser`), because a prompt number alone does not tell that all is over.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page

TOKEN = "browser-test"
WIDTH, HEIGHT = 1280, 1800
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
CHROMIUM += ["--disable-dev-shm-usage"]  # a container's /dev/shm of 64 MB is less than a page
CHROMIUM += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Every cell in the page at once, so that a picture of it shows it.
SETTINGS = {"notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False}}
# These say that nobody watches; in the browser somebody does.
NOT_INHERITED = ("PYTEST", "COURSE", "JUPYTER", "XDG")

CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.map(({model}) => ({
    type: model.type, source: model.sharedModel.getSource(), metadata: model.metadata,
    count: model.executionCount ?? null}))"""
ERRORS = """() => jupyterapp.shell.currentWidget.content.widgets.map(
    ({model}) => (model.outputs?.toJSON() ?? []).filter(each => each.output_type === 'error'))"""
RAN_AGAIN = """([number, before]) =>
    jupyterapp.shell.currentWidget.content.widgets[number].model.executionCount > before"""
OPEN = "name => { jupyterapp.commands.execute('docmanager:open', {path: name}); }"
CLOSE = "() => [...jupyterapp.shell.widgets('main')].forEach(tab => tab.dispose())"
POLLING = 250  # milliseconds between two looks: one in every frame would take a core to itself
IDLE = """() => {
    const panel = jupyterapp.shell.currentWidget;
    return panel?.sessionContext?.session?.kernel?.status === 'idle'
        && ![...document.querySelectorAll('.jp-InputPrompt')].some(p => p.innerText.includes('*'));
}"""
STOPPED = """() => {
    const cells = jupyterapp.shell.currentWidget.content.widgets.map(({model}) => model);
    const code = cells.filter(model => model.type === 'code');
    const errors = ({outputs}) => [...Array(outputs.length).keys()]
        .some(n => outputs.get(n).type === 'error');
    const failed = model => !model.metadata.tags?.includes('raises-exception') && errors(model);
    return code.at(-1).executionCount || code.some(failed);
}"""


@contextmanager
def jupyterlab(notebooks: Path, home: Path, settings: dict = SETTINGS):
    """Serve a folder of notebooks; yields the address of `/lab/tree/`."""
    write_settings(home / "settings", settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    command += ["--ip=127.0.0.1", "--ServerApp.port_retries=0", "--expose-app-in-browser"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={notebooks}"]
    command += ["--allow-root"] * (os.getuid() == 0)
    log = home / "jupyterlab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, cwd=notebooks, env=environment(home), stdout=output, stderr=output
        )
    try:
        wait_for_server(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server, log)
        yield f"http://127.0.0.1:{port}/lab/tree/"
    finally:
        server.terminate()
        server.wait(20)


def write_settings(folder: Path, settings: dict) -> None:
    for name, values in settings.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def environment(home: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(NOT_INHERITED)}
    own = {"COURSE_SCALE": "smoke", "COURSE_HOME": str(home / "course"), "HOME": str(home)}
    return kept | own | {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "OMP_NUM_THREADS": "1"}


def wait_for_server(address: str, server: subprocess.Popen, log: Path, seconds: int = 60) -> None:
    for _ in range(seconds * 5):
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            time.sleep(0.2)
        assert server.poll() is None, f"JupyterLab stopped:\n{log.read_text()[-3000:]}"
    raise AssertionError(f"no answer in {seconds} s:\n{log.read_text()[-3000:]}")


def end_kernels(address: str) -> None:
    """End each kernel of the server whose `/lab/tree/` this is, whatever its page has come to."""

    def ask(path: str, method: str):
        url = f"{address.removesuffix('lab/tree/')}api/{path}?token={TOKEN}"
        return urllib.request.urlopen(urllib.request.Request(url, method=method))

    with ask("sessions", "GET") as answer:
        sessions = json.load(answer)
    for session in sessions:
        ask(f"sessions/{session['id']}", "DELETE").close()


@contextmanager
def chromium(playwright):
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no Chromium found: `apt-get install chromium` or its like"
    browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
    try:
        yield browser
    finally:
        browser.close()


class Notebook:
    """An open notebook, in a page of its own or in one where JupyterLab stands open."""

    def __init__(self, page: Page, address: str, name: str):
        self.page, self.name = page, name
        if page.url.startswith(address):
            page.evaluate(OPEN, name)
            self.wait_until_idle()
            return
        page.set_default_timeout(60_000)  # two busy cores are slow to bring up the first page
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        page.goto(f"{address}{name}?token={TOKEN}&reset")
        self.wait_until_idle()
        page.keyboard.press("Control+b")  # the file browser takes a quarter of the width

    def close(self) -> None:
        """Leave JupyterLab without a tab; nothing is saved."""
        self.page.evaluate(CLOSE)

    def wait_until_idle(self) -> None:
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        self.page.wait_for_function(IDLE, polling=POLLING)

    def cells(self) -> list[dict]:
        """Each cell's type, source, metadata and execution count, from the model."""
        return self.page.evaluate(CELLS)

    def errors(self) -> list[list[dict]]:
        """Each cell's outputs that are errors."""
        return self.page.evaluate(ERRORS)

    def find(self, kind: str, exercise: str) -> int:
        """The number of the cell that is an exercise's "exercise" or "check"."""
        cells = enumerate(self.cells())
        (number,) = [n for n, cell in cells if cell["metadata"].get(kind) == exercise]
        return number

    def locate(self, number: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def run_all(self, seconds: int) -> None:
        """Run All Cells, until the last one has run or one that must not fail has failed."""
        self.choose("Edit", "Clear Outputs of All Cells")
        self.choose("Run", "Run All Cells")
        self.page.wait_for_function(STOPPED, timeout=seconds * 1000, polling=POLLING)
        self.wait_until_idle()

    def choose(self, menu: str, item: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def write(self, number: int, source: str) -> None:
        """Replace a cell's source, with the keys that a person would press."""
        self.locate(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        written = self.cells()[number]["source"]
        assert written == source, f"the editor holds\n{written}"

    def run(self, number: int) -> Locator:
        """Run one cell; what it shows."""
        before = self.cells()[number]["count"]
        self.locate(number).locator(".jp-InputPrompt").click()  # a folded cell has no editor
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function(
            RAN_AGAIN,
            arg=[number, before or 0],
            polling=POLLING,
        )
        self.wait_until_idle()
        return self.locate(number).locator(".jp-OutputArea")

    def screenshots(self, folder: Path) -> list[Path]:
        """Pictures of the whole notebook from top to bottom, one a window's height."""
        folder.mkdir(parents=True, exist_ok=True)
        scroller = self.page.locator(".jp-WindowedPanel-outer")
        step, total = scroller.evaluate("e => [e.clientHeight - 60, e.scrollHeight]")
        paths = []
        for number, top in enumerate(range(0, total, step)):
            scroller.evaluate("(e, top) => e.scrollTo(0, top)", top)
            self.page.wait_for_timeout(200)
            paths.append(folder / f"{Path(self.name).stem}-{number:02}.png")
            self.page.screenshot(path=paths[-1])
        return paths
