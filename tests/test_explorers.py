"""The explorers: their numbers, their pictures, and what a dragged point does, in a browser too."""

import base64
import io
import json
import math
import re
import shutil

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_lib.explorers import (
    brush,
    ellipse,
    game,
    judge,
    kl,
    label,
    latent,
    modes,
    moments,
    translation,
    watermark,
    weights,
)
from course_lib.explorers.brush import brush_explorer
from course_lib.explorers.game import game_explorer
from course_lib.explorers.judge import judge_explorer, judged
from course_lib.explorers.kl import gaussian_divergences, kl_explorer
from course_lib.explorers.label import label_explorer
from course_lib.explorers.latent import LatentPad, latent_explorer, latent_map
from course_lib.explorers.modes import mode_explorer
from course_lib.explorers.moments import moments_explorer
from course_lib.explorers.translation import translation_explorer
from course_lib.explorers.watermark import watermark_explorer
from course_lib.explorers.weights import weights_explorer

MODULES = (
    *(brush, game, judge, kl, label, latent),
    *(modes, moments, translation, watermark, weights),
)


@pytest.fixture
def live(monkeypatch):
    for module in MODULES:
        monkeypatch.setattr(module, "is_static", lambda: False)


@pytest.fixture
def shown(monkeypatch):
    figures = []
    for module in MODULES:
        monkeypatch.setattr(module, "show", figures.append)
    return figures


def pixels(png):
    return np.array(Image.open(io.BytesIO(png)))


# divergences


@pytest.mark.parametrize("mean, std", [(0, 1), (1, 1), (-3.3, 0.4), (4, 4), (0.5, 0.45)])
def test_the_three_numbers(mean, std):
    p, q = (Normal(torch.tensor(m).double(), torch.tensor(s)) for m, s in ((0.0, 1.0), (mean, std)))
    torch.manual_seed(0)
    draws = [each.sample((400_000,)) for each in (p, q)]
    to_mixture = [
        (each.log_prob(x) - torch.logaddexp(p.log_prob(x), q.log_prob(x)) + math.log(2))
        for each, x in zip((p, q), draws, strict=True)
    ]
    js = sum(terms.mean() for terms in to_mixture).item() / 2
    error = sum(terms.var() / len(terms) for terms in to_mixture).sqrt().item() / 2
    numbers = gaussian_divergences(mean, std)
    assert list(numbers) == ["KL(q‖p)", "KL(p‖q)", "JS(p, q)"]
    assert numbers["KL(q‖p)"] == pytest.approx(kl_divergence(q, p).item(), abs=1e-6)
    assert numbers["KL(p‖q)"] == pytest.approx(kl_divergence(p, q).item(), rel=1e-5, abs=1e-6)
    assert abs(numbers["JS(p, q)"] - js) <= 5 * error + 1e-12


def test_dragging_a_slider_redraws_and_rewrites(live):
    explorer = kl_explorer()
    (mean, std), readout, picture = explorer.children[0].children, *explorer.children[1:]
    assert mean.continuous_update and std.continuous_update
    assert "KL(q‖p) = <b>0.500</b>" in readout.value
    before = picture.value
    mean.value = 2.0
    moved = picture.value
    assert moved != before and "KL(q‖p) = <b>2.000</b>" in readout.value
    std.value = 2.0
    assert picture.value not in (before, moved)
    mean.value, std.value = 1.0, 1.0
    assert picture.value == before


def test_the_ends_of_the_sliders_can_be_drawn(live):
    explorer = kl_explorer()
    mean, std = explorer.children[0].children
    for ends in [(mean.min, std.min), (mean.max, std.max), (mean.max, std.min)]:
        mean.value, std.value = ends
        assert pixels(explorer.children[2].value).ndim == 3
    assert "KL(p‖q) = <b>51.709" in explorer.children[1].value  # past its axis, and still told


def test_a_static_kl_explorer_shows_three_settings(shown):
    assert kl_explorer() is None
    (figure,) = shown
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["q = N(1.00, 1.00²)", "q = N(0.00, 0.40²)", "q = N(0.00, 2.50²)"]
    numbers = [float(text.get_text()) for axes in figure.axes for text in axes.texts]
    expected = [gaussian_divergences(*s).values() for s in ((1, 1), (0, 0.4), (0, 2.5))]
    assert numbers == [round(nats, 3) for three in expected for nats in three]


# the latent map


def decode(z):
    """A 2 x 3 image whose first two pixels tell the point, scaled from [-4, 4]."""
    image = torch.zeros(len(z), 1, 2, 3)
    image[:, 0, 0, :2] = (z + 4) / 8
    return image


def test_moving_the_point_decodes_there(live):
    pad = latent_explorer(decode, torch.rand(3, 20, 30))
    assert isinstance(pad, ipywidgets.DOMWidget) and pad.point == [0, 0]
    assert pad.extent == [-3, 3, -3, 3]
    for point in ([2.0, -1.0], [-3.0, 3.0]):
        pad.point = point
        expected = [round((v + 4) / 8 * 255) for v in point]
        assert pixels(pad.picture)[0].tolist() == [*expected, 0]


def test_the_extent_may_grow_downwards_and_bytes_are_a_background(live):
    background = pixels_to_png(np.zeros((4, 4), np.uint8))
    pad = latent_explorer(decode, background, extent=(0.05, 0.95, 0.95, 0.15))
    assert pad.background == background and pad.extent == [0.05, 0.95, 0.95, 0.15]
    assert pad.point == pytest.approx([0.5, 0.55])


def pixels_to_png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="png")
    return file.getvalue()


def test_the_background_is_kept_to_the_pixel(live):
    gray = torch.tensor([[[0.0, 1.0], [0.5, 0.2]]])
    pad = latent_explorer(decode, gray)
    assert pixels(pad.background).tolist() == [[0, 255], [128, 51]]


def test_decoding_keeps_no_graph_and_no_random_state(live):
    network = torch.nn.Linear(2, 4)
    before = torch.get_rng_state()
    wants_grad = []

    def decode_by_network(z):
        images = network(z).sigmoid().reshape(1, 1, 2, 2)
        wants_grad.append(images.requires_grad)
        return images

    latent_explorer(decode_by_network, torch.zeros(1, 8, 8)).point = [1.0, 1.0]
    assert wants_grad == [False, False] and torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "decoder, background, message",
    [
        (lambda z: z, torch.zeros(1, 8, 8), r"decode must give \(1, C, H, W\).* got \(1, 2\)"),
        (
            lambda z: decode(z) - 5,
            torch.zeros(1, 8, 8),
            r"decode\(z\) must lie in \[0, 1\].*sigmoid",
        ),
        (decode, torch.zeros(1, 1, 8, 8), r"background must be an image .* got \(1, 1, 8, 8\)"),
        (decode, torch.full((1, 8, 8), float("nan")), "background must lie in"),
    ],
)
@pytest.mark.parametrize("static", [True, False])
def test_mistakes_are_told_in_both_modes(monkeypatch, shown, static, decoder, background, message):
    monkeypatch.setattr(latent, "is_static", lambda: static)
    with pytest.raises(ValueError, match=message):
        latent_explorer(decoder, background)


def test_a_static_explorer_walks_over_the_map(shown):
    seen = []

    def recording_decode(z):
        seen.append(z[0].tolist())
        return decode(z)

    assert latent_explorer(recording_decode, torch.rand(1, 8, 8), low=-2, high=2) is None
    (figure,) = shown
    (map_axes, *image_axes) = [axes for sub in figure.subfigs for axes in sub.axes]
    assert len(image_axes) == 8 and [a.get_title() for a in image_axes] == list("12345678")
    assert map_axes.get_xlim() == map_axes.get_ylim() == (-2, 2)
    badges = [text.get_position() for text in map_axes.texts]
    stops = np.array(seen[-8:])
    np.testing.assert_allclose(badges, stops, atol=1e-6)
    for axes, stop in zip(image_axes, stops, strict=True):
        array = axes.images[0].get_array()
        np.testing.assert_allclose(array[0, :2], (stop + 4) / 8 * 255, atol=0.6)


def test_the_latent_map_puts_each_mean_where_its_point_is():
    means = torch.tensor([[-2.0, 2.0], [-2.0, -2.0], [2.0, -2.0]])  # the label covers the second
    image = latent_map(means, torch.tensor([7, 7, 7]), low=-3, high=3)
    assert image.shape == (3, 480, 480) and image.min() >= 0 and image.max() <= 1
    colored = image.amax(0) - image.amin(0) > 0.2
    colored[380:420, 60:100] = False  # the label's frame
    rows, columns = torch.nonzero(colored, as_tuple=True)
    # x from -3..3 to 0..480, y upwards, so that row 0 is y = 3
    for half, column, row in [(columns < 240, 80, 80), (columns > 240, 400, 400)]:
        assert columns[half].float().mean().item() == pytest.approx(column, abs=1)
        assert rows[half].float().mean().item() == pytest.approx(row, abs=1)
    black = image.amax(0) < 0.2
    rows, columns = torch.nonzero(black, as_tuple=True)
    assert (columns - 80).abs().max() < 20 and (rows - 400).abs().max() < 20
    with pytest.raises(ValueError, match=r"\(N, 2\) and labels \(N,\); got \(3, 2\) and \(5,\)"):
        latent_map(means, torch.arange(5))


def test_labels_of_classes_that_lie_together_stay_apart():
    torch.manual_seed(0)
    centers = 0.2 * torch.randn(10, 2)
    placed = latent._apart(centers, least=0.5)
    apart = torch.cdist(placed, placed).fill_diagonal_(9)
    assert apart.min() > 0.49 and (placed - centers).norm(dim=1).max() < 1.5
    far = torch.tensor([[-2.0, 0.0], [2.0, 0.0]])
    assert torch.equal(latent._apart(far, least=0.5), far)


# labels and a plane of z


def draw_labeled(points, labels):
    """A 4 x 6 image that tells point and label, each scaled to [0, 1]."""
    images = torch.zeros(len(points), 1, 4, 6)
    images[:, 0, 0, :2] = (points + 2) / 4
    images[:, 0, 0, 2] = labels / 4
    return images


def test_a_label_and_a_point_decide_what_is_drawn(live):
    explorer = label_explorer(draw_labeled, classes=5)
    buttons, pad, strip = explorer.children
    assert list(buttons.options) == [0, 1, 2, 3, 4] and pad.point == [0, 0]
    assert pixels(pad.picture)[0, :3].tolist() == [128, 128, 0]
    before = pad.background, strip.value
    buttons.value = 4
    assert pixels(pad.picture)[0, :3].tolist() == [128, 128, 255]
    assert pad.background != before[0] and strip.value == before[1]
    pad.point = [1.0, -2.0]
    assert pixels(pad.picture)[0, :3].tolist() == [191, 0, 255]
    tiles = pixels(strip.value).reshape(4, 5, 6)  # all labels side by side, at the same point
    assert tiles[0, :, 0].tolist() == [191] * 5
    assert tiles[0, :, 2].tolist() == [0, 64, 128, 191, 255]


def test_each_tile_of_a_labels_map_shows_the_point_in_its_middle(live):
    _, pad, _ = label_explorer(draw_labeled, classes=3, reach=2.0).children
    mosaic = pixels(pad.background)
    assert mosaic.shape == (7 * 4, 7 * 6)
    for row, column in [(0, 0), (6, 2), (3, 3)]:
        x, y = (column + 0.5) / 7 * 4 - 2, 2 - (row + 0.5) / 7 * 4  # y upwards
        told = mosaic[4 * row, 6 * column : 6 * column + 2]
        np.testing.assert_allclose(told, [(x + 2) / 4 * 255, (y + 2) / 4 * 255], atol=0.6)


def test_a_static_label_explorer_shows_a_walk_with_every_label(shown):
    assert label_explorer(draw_labeled, classes=5) is None
    (figure,) = shown
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["(-1, 0)", "(0, 1)", "(1, 0)", "(0, -1)"]
    picture = axes.images[0].get_array()
    assert picture.shape[:2] == (4 * 5 - 1, 5 * 7 - 1)  # tiles a pixel apart
    for row, point in enumerate([(-1, 0), (0, 1), (1, 0), (0, -1)]):
        for column in range(5):
            told = picture[5 * row, 7 * column : 7 * column + 3]
            expected = [(point[0] + 2) / 4, (point[1] + 2) / 4, column / 4]
            np.testing.assert_allclose(told, expected, atol=1e-6)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    "draw, classes, message",
    [
        (draw_labeled, 1, "classes must be at least 2; got 1"),
        (lambda points, labels: points, 3, r"draw must give \(\d+, C, H, W\).*got \(\d+, 2\)"),
        (
            lambda points, labels: draw_labeled(points, labels) - 2,
            3,
            r"must lie in .*\[0(\.0)?, 1(\.0)?\]",
        ),
    ],
)
def test_mistakes_with_labels_are_told_in_both_modes(
    monkeypatch, shown, static, draw, classes, message
):
    monkeypatch.setattr(label, "is_static", lambda: static)
    with pytest.raises(ValueError, match=message):
        label_explorer(draw, classes)


# the browser's half

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

# What Jupyter's widget manager gives to render(), with the messages that it would send recorded.
PAGE = """
<div id="pad"></div>
<script type="module">
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const state = STATE;
  state.background = bytes(state.background);
  state.picture = bytes(state.picture);
  const listeners = {};
  window.sent = [];
  window.model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      (listeners[`change:${name}`] ?? []).forEach((f) => f());
    },
    save_changes: () => window.sent.push([...state.point]),
    on: (event, f) => (listeners[event] ??= []).push(f),
    off: (event, f) => { listeners[event] = listeners[event].filter((g) => g !== f); },
  };
  window.listening = () => Object.values(listeners).flat().length;
  const source = new Blob([ESM], { type: "text/javascript" });
  const { default: widget } = await import(URL.createObjectURL(source));
  window.cleanup = widget.render({ model, el: document.getElementById("pad") });
  window.ready = true;
</script>
"""


def test_the_script_needs_no_network():
    source = str(LatentPad._esm)
    assert not re.search(r"https?:|//cdn|^\s*import|import\(|fetch\(", source, re.MULTILINE)


@pytest.fixture
def page(live):
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def open_pad(page, extent):
    pad = latent_explorer(decode, torch.rand(3, 40, 80), extent=extent)
    state = {name: getattr(pad, name) for name in ("extent", "point", "background", "picture")}
    for name in ("background", "picture"):
        state[name] = base64.b64encode(state[name]).decode()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.set_content(
        PAGE.replace("STATE", json.dumps(state)).replace("ESM", json.dumps(str(LatentPad._esm)))
    )
    page.wait_for_function("window.ready && document.querySelector('canvas').clientHeight == 190")
    return errors


def settled(page):
    """The last point sent, after the next animation frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")
    return page.evaluate("window.sent.at(-1)")


@pytest.mark.parametrize("extent", [(-2, 2, -1, 3), (0, 1, 1, 0)])
def test_a_browser_drags_and_steps_the_point(page, extent):
    errors = open_pad(page, extent)
    left, right, bottom, top = extent
    box = page.locator("canvas").bounding_box()
    assert box["width"] == 380 and box["height"] == 190  # as the background, 80 x 40

    def at(across, down):
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    page.mouse.move(*at(0.5, 0.5))
    assert page.evaluate("window.sent.length") == 0  # passing over is no dragging
    page.mouse.down()
    page.mouse.move(*at(0.75, 0.1), steps=20)
    assert settled(page) == pytest.approx(
        [left + 0.75 * (right - left), top + 0.1 * (bottom - top)], abs=0.01
    )
    page.mouse.move(*at(3, -2))  # outside: held at the edge
    assert settled(page) == [right, top]
    page.mouse.up()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    stepped = [right - (right - left) / 40, top + (bottom - top) / 40]
    assert settled(page) == pytest.approx(stepped)
    assert page.locator("output").inner_text() == f"({stepped[0]:.2f}, {stepped[1]:.2f})"
    assert not errors


def test_a_browser_sends_one_message_a_frame_and_shows_each_new_picture(page):
    errors = open_pad(page, (-3, 3, -3, 3))
    sent = page.evaluate(
        """async () => {
            const canvas = document.querySelector("canvas");
            const key = () => new KeyboardEvent("keydown", { key: "ArrowRight", cancelable: true });
            for (let i = 0; i < 50; i++) canvas.dispatchEvent(key());
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
            return window.sent;
        }"""
    )
    assert sent == [[3, 0]]
    before = page.locator("img").get_attribute("src")
    page.evaluate("model.set('picture', model.get('background'))")
    assert page.locator("img").get_attribute("src") != before
    page.wait_for_function("document.querySelector('img').naturalWidth == 80")
    page.evaluate("model.set('point', [1, 2])")  # Python moved it
    assert page.locator("output").inner_text() == "(1.00, 2.00)"
    page.evaluate("cleanup()")
    assert page.evaluate("listening()") == 0 and not errors


def test_a_browser_shows_each_new_map_and_hides_an_empty_picture(page):
    errors = open_pad(page, (-3, 3, -3, 3))
    assert page.locator("img").is_visible()
    square = base64.b64encode(pixels_to_png(np.zeros((40, 40), np.uint8))).decode()
    page.evaluate("bytes => { window.square = bytes }", square)
    page.evaluate(
        """() => {
            const raw = Uint8Array.from(atob(window.square), (c) => c.charCodeAt(0));
            model.set("background", new DataView(raw.buffer));
            model.set("picture", new DataView(new ArrayBuffer(0)));
        }"""
    )
    page.wait_for_function("document.querySelector('canvas').clientHeight == 380")
    corner = "document.querySelector('canvas').getContext('2d').getImageData(9, 9, 1, 1).data[0]"
    assert page.evaluate(corner) == 0 and not page.locator("img").is_visible()
    assert not errors


# the ellipse over a posterior

MEAN = torch.tensor([0.4, -0.2]).double()
COVARIANCE = torch.tensor([[0.5, 0.3], [0.3, 0.4]]).double()


def gap_to_posterior(mean, log_var):
    q = MultivariateNormal(mean, torch.diag_embed(log_var.exp()))
    return kl_divergence(q, MultivariateNormal(MEAN, COVARIANCE))


def elbo_below(mean, log_var):
    return -3.5 - gap_to_posterior(mean, log_var)


@pytest.fixture
def explorer(monkeypatch):
    monkeypatch.setattr(ellipse, "is_static", lambda: False)
    box = ellipse.ellipse_explorer(elbo_below, gap_to_posterior, MEAN, COVARIANCE)
    pad, side = box.children[0].children
    return pad, *side.children


def told(readout):
    return [float(v) for v in re.findall(r"<b>(-?[\d.]+)</b>", readout.value)]


def test_what_the_elbo_gains_the_gap_loses(explorer):
    pad, first, second, readout, bar = explorer
    best = torch.linalg.inv(COVARIANCE).diagonal().reciprocal().log()
    seen = [told(readout)]
    pictures = {bar.value}
    pad.point = MEAN.tolist()
    seen.append(told(readout))
    pictures.add(bar.value)
    for slider, value in zip((first, second), best.tolist(), strict=True):
        slider.value = value
        seen.append(told(readout))
        pictures.add(bar.value)
    gaps = [gap for _, gap, _ in seen]
    assert gaps == sorted(gaps, reverse=True) and len(pictures) == 4
    for elbo, gap, evidence in seen:
        assert evidence == -3.5 and elbo + gap == pytest.approx(-3.5, abs=2e-3)
    left = (torch.linalg.inv(COVARIANCE).diagonal().log().sum() + COVARIANCE.logdet()) / 2
    assert gaps[-1] == pytest.approx(left.item(), abs=2e-3)


def test_the_ellipse_is_where_the_point_is(explorer):
    pad, *_ = explorer
    left, right, bottom, top = pad.extent
    assert right - left == pytest.approx(top - bottom)
    assert pixels(pad.background).shape[:2] == (380, 380)  # as wide as the browser draws it
    for across, down in [(0.3, 0.6), (0.7, 0.4)]:
        pad.point = [left + across * (right - left), top + down * (bottom - top)]
        image = pixels(pad.background).astype(int)
        orange = (image[..., 0] - image[..., 2]) > 100
        rows, columns = np.nonzero(orange)
        assert (columns.min() + columns.max()) / 2 == pytest.approx(380 * across, abs=2)
        assert (rows.min() + rows.max()) / 2 == pytest.approx(380 * down, abs=2)


def test_a_static_ellipse_explorer_shows_three_settings(monkeypatch):
    figures = []
    monkeypatch.setattr(ellipse, "show", figures.append)
    monkeypatch.setattr(ellipse, "is_static", lambda: True)
    run = ellipse.ellipse_explorer
    assert run(elbo_below, gap_to_posterior, MEAN, COVARIANCE) is None
    (figure,) = figures
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    elbos = [float(text.removeprefix("ELBO ")) for text in texts if text.startswith("ELBO")]
    gaps = [float(text.removeprefix("gap ")) for text in texts if text.startswith("gap")]
    assert gaps == sorted(gaps, reverse=True) and len(gaps) == len(elbos) == 3
    assert [e + g for e, g in zip(elbos, gaps, strict=True)] == pytest.approx([-3.5] * 3, abs=0.02)


def test_a_posterior_of_another_size_is_an_error():
    with pytest.raises(ValueError, match=r"mean must be \(2,\).* got \(3,\) and \(3, 3\)"):
        ellipse.ellipse_explorer(None, None, torch.zeros(3), torch.eye(3))


# a judge between two densities


def loss_at(place, mean, std, sharpness, saturating):
    """The generator's loss of one fake at `place`, from torch.distributions alone."""
    x = torch.tensor(place, dtype=torch.float64, requires_grad=True)
    p, q = (Normal(*x.new_tensor(each)) for each in ((0.0, 1.0), (mean, std)))
    ratio = p.log_prob(x) - q.log_prob(x)
    d = 1 / (1 + torch.exp(-sharpness * ratio))
    loss = torch.log(1 - d) if saturating else -torch.log(d)
    return torch.autograd.grad(loss, x)[0].item()


@pytest.mark.parametrize(
    "setting", [(1.5, 0.8, 1.0, 1.5), (-2.0, 1.7, 0.4, 0.3), (3.0, 0.6, 2.0, 2.5)]
)
def test_a_fake_is_pushed_against_the_slope_of_each_loss(setting):
    mean, std, sharpness, place = setting
    told = judged(*setting)
    for name, saturating in (("log(1 - D)", True), ("-log D", False)):
        slope = loss_at(place, mean, std, sharpness, saturating)
        assert told[name] == pytest.approx(-slope, rel=1e-9)


@pytest.mark.parametrize("mean, std", [(0.0, 1.0), (1.5, 0.8), (-4.0, 2.5), (6.0, 0.3)])
def test_no_judge_is_worth_more_than_the_best(mean, std):
    worth = {s: judged(mean, std, s, 0.0) for s in (0.0, 0.5, 1.0, 1.5, 3.0)}
    most = worth[1.0]["2 JS - log 4"]
    assert worth[1.0]["V(D)"] == pytest.approx(most, abs=1e-9)
    assert worth[0.0]["V(D)"] == pytest.approx(-math.log(4), abs=1e-9)  # 1/2 everywhere
    for sharpness in (0.0, 0.5, 1.5, 3.0):
        value = worth[sharpness]["V(D)"]
        assert value < most if (mean, std) != (0, 1) else value == pytest.approx(most)


def test_a_judge_s_worth_is_that_of_draws():
    torch.manual_seed(0)
    p, q = (Normal(torch.tensor(m).double(), torch.tensor(s)) for m, s in ((0.0, 1.0), (1.5, 0.8)))
    real, fake = (each.sample((400_000,)) for each in (p, q))
    terms = [
        torch.nn.functional.logsigmoid(sign * 0.7 * (p.log_prob(x) - q.log_prob(x)))
        for sign, x in ((1, real), (-1, fake))
    ]
    error = sum(term.var() / len(term) for term in terms).sqrt().item()
    estimate = sum(term.mean() for term in terms).item()
    assert abs(judged(1.5, 0.8, 0.7, 0.0)["V(D)"] - estimate) <= 5 * error


def test_a_moved_model_is_judged_anew(live):
    explorer = judge_explorer()
    *sliders, readout, picture = explorer.children
    assert len(sliders) == 4 and all(slider.continuous_update for slider in sliders)
    start, first = [slider.value for slider in sliders], picture.value
    for number, slider in enumerate(sliders):
        before = readout.value, picture.value
        slider.value = slider.value + 0.5
        assert picture.value != before[1] and readout.value != before[0], number
    for slider, value in zip(sliders, start, strict=True):
        slider.value = value
    assert picture.value == first
    assert f"V(D) = <b>{judged(*start)['V(D)']:.3f}</b>" in readout.value


def test_every_end_of_a_judge_s_sliders_can_be_drawn(live):
    *sliders, readout, picture = judge_explorer().children
    for end in ("min", "max"):
        for slider in sliders:
            slider.value = getattr(slider, end)
        assert pixels(picture.value).ndim == 3 and "nan" not in readout.value


def test_a_static_judge_shows_three_settings(shown):
    assert judge_explorer() is None
    (figure,) = shown
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == list(judge.SHOWN)
    told = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert told == [f"V(D) {judged(*s)['V(D)']:.3f}" for s in judge.SHOWN.values()]


# a recorded game

CELLS = torch.linspace(-3.95, 3.95, 80)
BUMP = Normal(0.0, 1.0).log_prob(CELLS).exp()


def recorded(speed):
    """A model that comes nearer from the right; `speed` is how far in a moment."""
    moments = torch.arange(9)
    centers = (3 - speed * moments).clamp(min=0)
    p_model = Normal(centers[:, None], 1.0).log_prob(CELLS).exp()
    return {"round": 10 * moments, "p_model": p_model, "d": torch.full_like(p_model, 0.5)}


RECORDINGS = {(rate, steps): recorded(rate * steps) for rate in (0.1, 0.2, 0.4) for steps in (1, 5)}


def test_a_game_follows_its_moment_and_its_settings(live):
    explorer = game_explorer(CELLS, BUMP, RECORDINGS)
    moment, rate, steps, words, picture = explorer.children
    assert list(rate.options) == [0.1, 0.2, 0.4] and list(steps.options) == [1, 5]
    assert moment.continuous_update and (moment.min, moment.max) == (0, 8)
    seen = {(words.value, picture.value)}
    for slider, value in ((moment, 7), (rate, 0.4), (steps, 5)):
        slider.value = value
        seen.add((words.value, picture.value))
    assert len(seen) == len({value for value, _ in seen}) == 4
    assert "round <b>70</b>" in words.value and "<b>0.000</b> nats" in words.value


def test_a_game_tells_the_divergence_of_the_cells(live):
    explorer = game_explorer(CELLS, BUMP, RECORDINGS)
    moment, words = explorer.children[0], explorer.children[3]
    moment.value = 0
    p, q = BUMP / BUMP.sum(), RECORDINGS[0.1, 1]["p_model"][0]
    mixture = (p + q / q.sum()) / 2
    terms = [(each * (each / mixture).log()).sum() for each in (p, q / q.sum())]
    (told,) = re.findall(r"<b>(\d\.\d+)</b> nats", words.value)
    assert float(told) == pytest.approx(sum(terms).item() / 2, abs=6e-4)


def test_a_static_game_explorer_shows_three_settings_at_four_moments(shown):
    assert game_explorer(CELLS, BUMP, RECORDINGS) is None
    (figure,) = shown
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [title.partition(",")[0] for title in titles] == 3 * [
        f"round {step}" for step in (0, 10, 30, 80)
    ]
    names = [axes.get_ylabel() for axes in figure.axes if "rate" in axes.get_ylabel()]
    assert names == [
        "learning rate 0.1,\n1 D step a round",
        "learning rate 0.4,\n1 D step a round",
        "learning rate 0.2,\n5 D steps a round",
    ]


def test_recordings_that_miss_a_pair_or_differ_in_length_are_refused():
    some = {setting: each for setting, each in RECORDINGS.items() if setting != (0.2, 5)}
    with pytest.raises(ValueError, match=r"missing: \[\(0\.2, 5\)\]"):
        game_explorer(CELLS, BUMP, some)
    with pytest.raises(ValueError, match="missing: all"):
        game_explorer(CELLS, BUMP, {})
    short = {name: values[:3] for name, values in RECORDINGS[0.1, 1].items()}
    with pytest.raises(ValueError, match=r"one length; got \[3, 9\]"):
        game_explorer(CELLS, BUMP, {**RECORDINGS, (0.1, 1): short})


# samples at modes

CENTERS = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])


def gathering(moments):
    """Two seeds whose samples come nearer to the first center, from moment to moment."""
    toss = torch.Generator().manual_seed(moments)
    spread = torch.linspace(1, 0, moments)[:, None, None, None]
    samples = CENTERS[0] + spread * torch.randn(moments, 2, 40, 2, generator=toss)
    return {"evaluations": 100 * torch.arange(moments), "samples": samples}


def within_a_tenth(samples, centers):
    good = torch.cdist(samples, centers).min(dim=1).values <= 0.1
    return int(good.any()), good.float().mean().item()


def test_samples_follow_the_moment_the_seed_and_the_method(live):
    recordings = {"slow": gathering(9), "quick": gathering(4)}
    explorer = mode_explorer(CENTERS, recordings, within_a_tenth)
    method, moment, seed, words, picture = explorer.children
    assert (moment.max, moment.value, seed.max) == (8, 8, 1)
    assert "<b>800</b>" in words.value and "<b>1</b> of 3" in words.value
    assert "<b>100%</b>" in words.value
    seen = {picture.value}
    for slider, value in ((moment, 2), (seed, 1)):
        slider.value = value
        seen.add(picture.value)
    share = within_a_tenth(recordings["slow"]["samples"][2, 1], CENTERS)[1]
    assert "<b>200</b>" in words.value and f"<b>{share:.0%}</b>" in words.value
    moment.value = 8
    method.value = "quick"  # which has fewer moments
    assert (moment.max, moment.value) == (3, 3) and "<b>300</b>" in words.value
    assert len(seen | {picture.value}) == 4


def test_static_samples_show_each_method_at_four_moments(shown):
    recordings = {"slow": gathering(11), "quick": gathering(6)}
    assert mode_explorer(CENTERS, recordings, within_a_tenth) is None
    (figure,) = shown
    titles = [axes.get_title().partition(":")[0] for axes in figure.axes]
    assert titles == ["0", "100", "400", "1,000", "0", "0", "200", "500"]
    assert [axes.get_ylabel() for axes in figure.axes][::4] == ["slow", "quick"]


def test_samples_of_another_shape_are_refused():
    good, bad = gathering(5), gathering(5)
    bad["samples"] = bad["samples"][:, :1]
    for recordings in ({}, {"a": good, "b": bad}, {"a": good | {"evaluations": torch.arange(4)}}):
        with pytest.raises(ValueError, match=r"samples \(T, seeds, N, 2\)"):
            mode_explorer(CENTERS, recordings, within_a_tenth)
    with pytest.raises(ValueError, match=r"centers must be \(K, 2\); got \(3,\)"):
        mode_explorer(CENTERS[:, 0], {"a": good}, within_a_tenth)


# samples at recorded moments


def some_run(steps, channels=1, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {step: torch.rand(10, channels, 6, 6, generator=draw) for step in steps}


RUNS = {"gray": some_run(range(0, 90, 10)), "color": some_run((0, 5, 700), 3, seed=1)}


def test_the_samples_follow_the_moment_and_the_run(live):
    menu, moment, words, picture = moments_explorer(RUNS).children
    assert menu.options == ("gray", "color") and (moment.min, moment.max) == (0, 8)
    assert "step <b>0</b> of 80" in words.value
    seen = {picture.value}
    moment.value = 7
    assert "step <b>70</b> of 80" in words.value
    seen.add(picture.value)
    menu.value = "color"
    assert moment.value == moment.max == 2 and "step <b>700</b> of 700" in words.value
    seen.add(picture.value)
    assert len(seen) == 3
    moment.value = 0
    menu.value = "gray"
    assert moment.max == 8 and "step <b>0</b> of 80" in words.value and picture.value in seen


def test_every_column_of_a_moment_is_one_z(live):
    explorer = moments_explorer({"a": some_run((0, 1))}, columns=5)
    shape = pixels(explorer.children[3].value).shape
    assert shape[1] > 2 * shape[0]  # ten images in two rows


def test_a_static_moments_explorer_shows_the_last_run_from_first_to_last(shown):
    assert moments_explorer(RUNS) is None
    assert moments_explorer(dict(reversed(RUNS.items()))) is None
    titles = [figure.axes[0].get_title() for figure in shown]
    assert titles == [f"{name}: each column one z, at rising steps" for name in ("color", "gray")]
    steps = [[t.get_text() for t in figure.axes[0].get_yticklabels()] for figure in shown]
    assert steps == [["0", "5", "700"], ["0", "20", "40", "60", "80"]]


@pytest.mark.parametrize(
    "runs, message",
    [
        ({}, "at least one run"),
        ({"a": {}}, r"'a' must be steps in rising order; got \[\]"),
        ({"a": dict(reversed(RUNS["color"].items()))}, r"rising order; got \[700, 5, 0\]"),
        ({"a": {0: torch.rand(2, 1, 4, 4), 1: torch.rand(3, 1, 4, 4)}}, "must have one shape"),
    ],
)
def test_moments_that_do_not_fit_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        moments_explorer(runs)


# weights of draws


def test_sliding_the_draws_tells_bound_and_size(live):
    torch.manual_seed(0)
    values = {"one": torch.randn(300) - 90, "other": torch.zeros(50)}
    explorer = weights_explorer(values, draws=10, truth={"one": -89.5})
    menu, count, words, picture = explorer.children
    bound, size = weights.bound_and_size(values["one"][:10])
    assert count.value == 10 and f"<b>{bound:.2f}</b>" in words.value
    assert f"<b>{size:.1f}</b>" in words.value
    before = picture.value
    count.value = 200
    assert picture.value != before and "K = <b>200</b>" in words.value
    menu.value = "other"  # it has 50 draws alone, all of one weight
    assert "K = <b>50</b>" in words.value and "<b>50.0</b>" in words.value


def test_bound_and_size_are_those_of_the_weights():
    log_weights = torch.tensor([-3.0, -1.0, -2.5, -700.0]).double()
    w = log_weights.exp()
    bound, size = weights.bound_and_size(log_weights)
    assert bound == pytest.approx(w.mean().log().item())
    assert size == pytest.approx((w.sum() ** 2 / (w**2).sum()).item())


def test_weights_where_nobody_watches(shown, monkeypatch):
    monkeypatch.setattr(weights, "is_static", lambda: True)
    assert weights_explorer({"a": torch.randn(60), "b": torch.randn(9)}, draws=20) is None
    (figure,) = shown
    shares = [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes[::2]]
    assert shares == pytest.approx([1, 1]) and len(figure.axes[2].patches) == 9
    with pytest.raises(ValueError, match=r"log weights \(N,\) by name, N > 0; got \{\}"):
        weights_explorer({})


# a watermark

PATTERN = 2.0 * torch.randint(0, 2, (1, 12, 12), generator=torch.Generator().manual_seed(0)) - 1
FLAT = torch.full((9, 1, 12, 12), 0.5) + 0.01 * torch.linspace(-1, 1, 9)[:, None, None, None]


def add_pattern(images, key, strength):
    return (images + strength * PATTERN).clamp(0, 1)


def correlation(images, key):
    return 1000 * ((images - images.mean((1, 2, 3), keepdim=True)) * PATTERN).mean((1, 2, 3))


def faded(images, amount):
    return 0.5 + (1 - amount) * (images - 0.5)


ATTACKS = {"fade": (faded, (0, 0.5, 1)), "nothing": (lambda images, amount: images, (0,))}


def test_the_scores_follow_the_strength_and_the_attack(live):
    explorer = watermark_explorer(FLAT, add_pattern, correlation, ATTACKS)
    strength, menu, amount, words, picture = explorer.children
    assert [label for label, _ in amount.options] == ["0", "0.5", "1"]
    assert "<b>9</b> of 9 marked" in words.value and "<b>0</b> of 9 without" in words.value
    seen = {picture.value}
    for slider, value in ((strength, 0.1), (amount, 1)):
        slider.value = value
        seen.add(picture.value)
    assert "<b>0</b> of 9 marked" in words.value  # all has faded
    assert len(seen) == 3
    faded_away = picture.value
    menu.value = "nothing"
    assert amount.options == (("0", 0),) and "<b>9</b> of 9 marked" in words.value
    assert picture.value != faded_away
    strength.value = 0.0
    assert "<b>0</b> of 9 marked" in words.value


def test_a_static_watermark_explorer_shows_the_rates(shown):
    assert watermark_explorer(FLAT, add_pattern, correlation, ATTACKS) is None
    (figure,) = shown
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["untouched", "fade 0.5", "nothing 0"]
    told = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert told == ["found: 100%"] * 3


def test_a_watermark_that_is_still_to_be_written_is_told(live, capsys, monkeypatch):
    def unwritten(*_):
        raise NotImplementedError

    explorer = watermark_explorer(FLAT, unwritten, correlation, ATTACKS)
    assert "Write embed_watermark" in explorer.children[3].value
    monkeypatch.setattr(watermark, "is_static", lambda: True)
    assert watermark_explorer(FLAT, unwritten, correlation, ATTACKS) is None
    assert "once embed_watermark" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"at least one attack; got \(9, 1, 12, 12\) and 0"):
        watermark_explorer(FLAT, add_pattern, correlation, {})


# translation


def translated(steps=(0, 20)):
    """Two images of one brightness each; translation and return are told by theirs."""
    images = torch.tensor([0.2, 0.4])[:, None, None, None].expand(2, 3, 4, 4)
    partners = images + 0.5
    return images, partners, {s: (images + 0.01 * s, images - 0.005 * s) for s in steps}


def test_a_translation_follows_the_image_and_the_step(live):
    explorer = translation_explorer(*translated(), ["one", "other"])
    number, step, picture, words = explorer.children

    def shown_values():
        return (pixels(picture.value)[0, ::4].astype(int)).tolist()

    assert step.value == 20  # the last one, at first
    wanted = [[51] * 3, [102] * 3, [26] * 3, [178] * 3]
    np.testing.assert_allclose(shown_values(), wanted, atol=1)
    assert "L1 to the partner <b>0.600</b>, of the return <b>0.200</b>" in words.value
    number.value, step.value = 1, 0
    np.testing.assert_allclose(shown_values(), [[102] * 3] * 3 + [[230] * 3], atol=1)
    assert "after <b>0</b> steps" in words.value


def test_a_static_translation_shows_the_first_and_the_last_step(shown):
    assert translation_explorer(*translated((0, 5, 20)), ["one", "other"]) is None
    (axes,) = shown[0].axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["one, 0 steps", "one, 20 steps", "other, 0 steps", "other, 20 steps"]


@pytest.mark.parametrize(
    "change",
    [
        lambda a, b, r: (a, b[:1], r, ["one", "other"]),
        lambda a, b, r: (a, b, {}, ["one", "other"]),
        lambda a, b, r: (a, b, r, ["one"]),
        lambda a, b, r: (a, b, {0: (a, a[:, :1])}, ["one", "other"]),
    ],
)
def test_translations_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError, match=r"\(N, C, H, W\) of one shape"):
        translation_explorer(*change(*translated()))


# the brush


def half_gray(image, mask):
    assert (image * (1 - mask) == 0).all()  # what is painted over never comes here
    return image * mask + 0.5 * (1 - mask)


def test_a_painted_hole_is_filled_and_a_cleared_one_is_not(live):
    images = torch.rand(3, 1, 4, 5)
    which, pad = brush_explorer(half_gray, images).children
    assert pad.size == [4, 5] and pad.painted == "0" * 20
    assert pad.result == pad.picture
    pad.painted = "1" + "0" * 18 + "1"
    filled = pixels(pad.result)
    assert filled[0, 0] == filled[3, 4] == 128
    assert (filled == 128).sum() >= 2 and filled[1, 2] == round(images[0, 0, 1, 2].item() * 255)
    pad.painted = "0" * 20
    assert pad.result == pad.picture
    which.value = 2
    assert pixels(pad.picture)[1, 1] == round(images[2, 0, 1, 1].item() * 255)
    assert pad.result == pad.picture


def test_another_image_has_no_hole_yet(live):
    which, pad = brush_explorer(half_gray, torch.rand(2, 3, 4, 4)).children
    pad.painted = "1" * 16
    which.value = 1
    assert pad.painted == "0" * 16 and pad.result == pad.picture


def test_a_static_brush_shows_three_images_with_three_holes(shown):
    assert brush_explorer(half_gray, torch.rand(5, 1, 12, 12)) is None
    (figure,) = shown
    assert "Holes" in figure.axes[0].get_title()


@pytest.mark.parametrize("images", [torch.rand(4, 4), torch.rand(0, 1, 4, 4)])
def test_a_brush_needs_images(images):
    with pytest.raises(ValueError, match="images must be"):
        brush_explorer(half_gray, images)


def test_a_filling_of_another_shape_is_told(live):
    _, pad = brush_explorer(lambda image, mask: image[0], torch.rand(1, 1, 4, 4)).children
    with pytest.raises(ValueError, match="fill must give"):
        pad.painted = "1" * 16
