"""How a student plays with each lesson's explorer; what must follow the mouse does."""

from playwright.sync_api import Locator, expect

from tests.browser.lab import Notebook


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


def move_a_model(notebook: Notebook) -> None:
    """Densities, D, its value and the pushes follow each of the four sliders."""
    explorer = notebook.page.locator(".judge-explorer")
    picture, words = explorer.locator("img.widget-image"), explorer.locator(".widget-html-content")
    for slider in range(4):
        words_before, pixels_before = words.inner_text(), pixels(picture)
        drag(notebook, explorer.locator(".noUi-handle").nth(slider), by=(40, 0))
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
    "08a_minimax": move_a_model,
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
