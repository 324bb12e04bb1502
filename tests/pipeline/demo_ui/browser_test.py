"""The page in a headless browser, by clicks, keys and files."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
expect = sync_api.expect
expect.set_options(timeout=30_000)
# Drops a file of these bytes, or of the canvas's PNG, onto the page.
DROP = """async (size) => {
  const canvas = new OffscreenCanvas(20, 20);
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  const content = size ? new Uint8Array(size) : await canvas.convertToBlob();
  const files = new DataTransfer();
  files.items.add(new File([content], "drop.png"));
  const options = { dataTransfer: files, bubbles: true, cancelable: true };
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", options));
}"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def tab(request, browser, page):
    """The page, opened; at the end nothing may have failed or have been asked for elsewhere."""
    opened = browser.new_page(viewport=request.param, has_touch=request.param is PHONE)
    opened.set_default_timeout(30_000)
    wrong, asked = [], []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda one: asked.append(one.url))
    opened.goto(page)
    expect(opened.locator("body[data-ready]")).to_be_attached()
    yield opened
    wide = opened.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    opened.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith((page, "data:", "blob:"))] == []
    assert not wide, "the page is wider than the window"


def photo(width, height, kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "orange").save(buffer, kind)
    return {
        "name": f"photo.{kind.lower()}",
        "mimeType": f"image/{kind.lower()}",
        "buffer": buffer.getvalue(),
    }


def sources(tab):
    return tab.locator("#pictures img").evaluate_all("all => all.map(one => one.src)")


def pixels(source):
    """The pixels of a picture's data: URL."""
    content = base64.b64decode(source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_caption_is_painted(tab):
    tab.fill("#text", "a red circle")
    tab.fill("#count", "3")
    tab.click("#paint-form .main")
    expect(tab.locator("#pictures img")).to_have_count(3)
    assert len(set(sources(tab))) == 3
    assert tab.locator("#pictures figcaption").first.inner_text().startswith("seed 0")
    with tab.expect_download() as download:
        tab.locator("#pictures a").first.click()
    assert Image.open(Path(download.value.path())).size == (16, 16)


def test_the_keyboard_is_enough(tab):
    tab.focus("#text")
    tab.keyboard.type("一个红色的圆形")
    tab.keyboard.press("Enter")
    expect(tab.locator("#pictures img")).to_have_count(4)
    before = sources(tab)
    tab.focus("#truncation")
    for _ in range(5):
        tab.keyboard.press("ArrowLeft")
    assert tab.inner_text("#truncation-value") == "0.5"
    tab.focus("#text")
    tab.keyboard.press("Enter")
    expect(tab.locator("#pictures img").first).not_to_have_attribute("src", before[0])


def test_two_captions_are_mixed(tab):
    tab.fill("#text", "a red circle")
    tab.click("#mix summary")
    tab.fill("#other", "two blue squares")
    expect(tab.locator("#truncation")).to_be_disabled()
    tab.click("#paint-form .main")
    expect(tab.locator("#pictures figcaption").first).to_contain_text("0%")
    expect(tab.locator("#pictures figcaption").last).to_contain_text("100%")
    assert len(set(sources(tab))) > 1


def test_an_empty_box_is_told(tab):
    tab.click("#paint-form .main")
    expect(tab.locator("#paint-error")).to_have_text("Write a caption first: the box is empty.")
    expect(tab.locator("#text")).to_be_focused()
    tab.click("#examples button >> nth=0")
    expect(tab.locator("#pictures img")).to_have_count(4)
    expect(tab.locator("#paint-error")).to_be_empty()


def test_a_wrong_number_and_unknown_words_are_told(tab):
    tab.fill("#text", "zyxwv")
    tab.fill("#count", "40")
    tab.click("#paint-form .main")
    expect(tab.locator("#paint-error")).to_contain_text("whole number from 1 to 16")
    tab.fill("#count", "1")
    tab.click("#paint-form .main")
    expect(tab.locator("#paint-status")).to_contain_text("none of these words")


def test_a_picture_is_described_with_its_attention(tab):
    tab.set_input_files("#file", photo(40, 30))
    expect(tab.locator("#described")).to_be_visible()
    expect(tab.locator("#read-status")).to_contain_text("centre square")
    expect(tab.locator("#sentences dt")).to_have_text(["en", "zh"])
    expect(tab.locator("#nearest li")).to_have_count(4)
    assert tab.locator("#attributes li").count() > 0
    words = tab.locator("#words button")
    veil = "(canvas) => canvas.getContext('2d').getImageData(0, 0, 512, 512).data.some(v => v)"
    if words.count():
        assert not tab.locator("#attention").evaluate(veil)
        words.first.focus()
        expect(words.first).to_have_attribute("aria-pressed", "true")
        expect(tab.locator("#attention")).to_have_attribute("data-shown", "yes")


def test_the_picture_is_clear_where_the_captioner_looked(tab):
    attention = np.zeros((8, 8))
    attention[1, 6] = 0.9
    words = [{"text": "here", "attention": attention.tolist()}]
    blank = tab.evaluate("document.createElement('canvas').toDataURL()").partition(",")[2]
    answer = {"png": blank, "note": "", "words": words}
    tab.route("**/api/read", lambda route: route.fulfill(json=answer))
    tab.set_input_files("#file", photo(8, 8))
    tab.click("#words button")
    veil = """(canvas, [x, y]) =>
      canvas.getContext("2d").getImageData(64 * x + 32, 64 * y + 32, 1, 1).data[3]"""
    shown = tab.locator("#attention")
    dark = {(x, y): shown.evaluate(veil, [x, y]) for x, y in ((6, 1), (1, 6), (6, 3), (0, 0))}
    # Clear but for what smoothing brings over from its neighbours.
    assert dark[6, 1] < 60
    assert min(dark[1, 6], dark[6, 3], dark[0, 0]) > 180


def test_a_painted_picture_is_described(tab):
    tab.fill("#text", "a red circle")
    tab.click("#paint-form .main")
    tab.click("#pictures button >> nth=-1")
    expect(tab.locator("#described")).to_be_visible()
    shown, painted = pixels(tab.get_attribute("#picture", "src")), map(pixels, sources(tab))
    assert [np.array_equal(shown, one) for one in painted] == [False, False, False, True]


def test_a_dropped_picture_is_described(tab):
    tab.evaluate(DROP, 0)
    expect(tab.locator("#described")).to_be_visible()


def test_a_huge_file_is_not_even_sent(tab):
    tab.evaluate(DROP, 32 * 2**20 + 1)
    expect(tab.locator("#read-error")).to_contain_text("larger than 32 MB")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}, "no picture that"),
        ({"name": "a.png", "mimeType": "image/png", "buffer": b""}, "The file is empty"),
        ({**photo(64, 64), "buffer": photo(640, 640)["buffer"][:400]}, "damaged"),
    ],
    ids=["text", "empty", "cut off"],
)
def test_a_broken_file_is_told(tab, file, said):
    tab.set_input_files("#file", file)
    expect(tab.locator("#read-error")).to_contain_text(said)
    expect(tab.locator("#described")).to_be_hidden()


def test_a_thirty_megapixel_photo_is_reduced_and_told(tab):
    tab.set_input_files("#file", photo(6000, 5000, "JPEG"))
    expect(tab.locator("#read-status")).to_contain_text("6000 × 5000 pixels was reduced")
    expect(tab.locator("#described")).to_be_visible()


def test_every_control_has_a_name_and_is_large_enough(tab):
    for control in tab.locator("main :is(button, input, textarea, summary, a)").all():
        if control.is_visible() and control.get_attribute("type") != "file":
            assert control.bounding_box()["height"] >= 30
    snapshot = tab.locator("body").aria_snapshot()
    assert not re.search(r"- (button|textbox|slider|spinbutton|link)(:|$)", snapshot, re.MULTILINE)


def test_a_server_that_is_gone_is_told(tab):
    tab.route("**/api/**", lambda route: route.abort())
    tab.fill("#text", "a red circle")
    tab.click("#paint-form .main")
    expect(tab.locator("#paint-error")).to_contain_text("server does not answer")


def test_the_picture_shown_is_the_one_sent(tab):
    noise = np.random.default_rng(2).integers(0, 255, (16, 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    tab.set_input_files(
        "#file", {"name": "a.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    expect(tab.locator("#described")).to_be_visible()
    np.testing.assert_array_equal(pixels(tab.get_attribute("#picture", "src")), noise)
