"""The page as visitors see it, in a headless Chromium: every tab, right and wrong input."""

import os
import re
import time
from pathlib import Path

import pytest

pytest.importorskip("gradio")
pytest.importorskip("playwright")

from support import browsers
from support.recordings import encoded, tone

pytestmark = pytest.mark.more

PICTURES = os.environ.get("ZOO_PICTURES")  # a folder: keeps the screenshots, for the docs
# What Gradio's player says in the console of a file that is broken, or empty.
HARMLESS = re.compile("Waveform load error|416")
DESKTOP, PHONE = {"width": 1100, "height": 900}, {"width": 390, "height": 844}
_WAIT = 90_000  # milliseconds: a model is loaded and traced, on a machine that may be busy


@pytest.fixture(scope="module")
def address():
    """Where the page is served, by this process."""
    from zoo.demo import page

    port = browsers.free_port()
    app = page.launch(port=port)
    yield f"http://127.0.0.1:{port}/"
    app.get_blocks().close(verbose=False)


@pytest.fixture(scope="module")
def browser():
    with browsers.chromium() as found:
        yield found


class Visitor:
    """A page in a browser, and all that went wrong on it."""

    def __init__(self, browser, address, size):
        self.wrong = []
        self.page = browser.new_page(viewport=size)
        self.page.set_default_timeout(_WAIT)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.address = address
        self.page.goto(address)
        self.page.get_by_role("tab").first.wait_for()

    def _heard(self, message):
        if message.type == "error" and not HARMLESS.search(message.text):
            self.wrong.append(message.text)

    def _asked(self, request):
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"asked for {request.url}")

    def open(self, tab):
        """Goes to a tab; on a narrow page it may be in a menu."""
        found = self.page.get_by_role("tab", name=tab, exact=True)
        if not found.count():
            self.page.get_by_role("button", name="More tabs").first.click()
            found = self.page.get_by_role("button", name=tab, exact=True)
        found.first.click()

    def visible(self, selector):
        return self.page.locator(f"{selector} >> visible=true")

    def fill(self, label, text):
        self.page.get_by_label(label, exact=True).locator("visible=true").fill(text)

    def press(self, button):
        """Presses a button, and returns what is answered: the text of the page's new answer."""
        self.page.evaluate("document.querySelectorAll('.marks, .failed').forEach(e => e.remove())")
        self.page.get_by_role("button", name=button, exact=True).locator("visible=true").click()
        self.visible(".marks, .failed").first.wait_for()
        self.page.wait_for_function("() => !document.querySelector('.generating')")
        return "\n".join(self.visible(".marks, .failed").all_inner_texts())

    def choose(self, label, value):
        """Takes an entry of a list."""
        self.page.get_by_label(label, exact=True).locator("visible=true").click()
        self.page.get_by_role("option", name=value).click()

    def place(self):
        """Where a file of the open tab goes, as long as there is none."""
        return self.page.locator("[role=tabpanel]:visible input[type=file]").first

    def upload(self, path):
        """Hands a file over, and waits until the page has it, where its place was."""
        self.place().set_input_files(path)
        self.place().wait_for(state="detached")
        self.visible("[aria-label=Clear]").first.wait_for()

    def clear(self):
        """Takes a file back, and waits until there is a place for another one."""
        self.visible("[aria-label=Clear]").first.click()
        self.place().wait_for(state="attached")

    def draw(self, points):
        """A line on the board, through places that are parts of its width and height."""
        board = self.visible("canvas").first
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        for number, (x, y) in enumerate(points):
            self.page.mouse.move(
                box["x"] + x * box["width"], box["y"] + y * box["height"], steps=10
            )
            if number == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def pictures(self):
        """What the pictures of the answer show, in words."""
        self.visible(".marks img").first.wait_for()
        return " ".join(one.get_attribute("alt") for one in self.visible(".marks img").all())

    def keep(self, name):
        """A screenshot, if they are asked for."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES, f"{name}.png"), full_page=True)


@pytest.fixture
def visit(browser, address):
    """Opens the page: `visit(size)`; at the end nothing may have gone wrong on it."""
    visitors = []

    def new(size=DESKTOP):
        visitors.append(Visitor(browser, address, size))
        return visitors[-1]

    yield new
    for visitor in visitors:
        visitor.page.close()
        assert visitor.wrong == []


def test_sentiment(visit):
    visitor = visit()
    visitor.open("Sentiment")
    answer = visitor.press("Classify")
    assert "pos, with probability 0.9" in answer
    assert "gradient times input" in answer
    visitor.keep("demo_sentiment")
    visitor.page.get_by_text("Two hours of my life that I will never get back.").click()
    assert "hours" in visitor.press("Classify")


def test_entities(visit):
    visitor = visit()
    visitor.open("NER")
    assert "Theodore Roosevelt" in visitor.press("Find entities")
    assert visitor.visible("mark").first.inner_text().startswith("Theodore Roosevelt")


def test_language_model_writes_and_reads(visit):
    visitor = visit()
    visitor.open("Language model")
    visitor.fill("Seed (empty: a new one)", "7")
    written = visitor.press("Write")
    visitor.visible(".note").wait_for()
    assert written.startswith("KING HENRY.")
    visitor.open("Read")
    assert "answer" in visitor.press("Colour by surprise")
    assert "bits per character" in visitor.visible(".note").inner_text()
    visitor.keep("demo_surprise")


def test_translation(visit):
    visitor = visit()
    visitor.open("Translation")
    visitor.choose("Model", "translation_bigru_dates")
    visitor.fill("Text", "12 mai 2019")
    answer = visitor.press("Translate")
    assert answer.startswith("2019-05-12")
    assert "Attention" in visitor.pictures()
    visitor.keep("demo_translation")


def test_music_is_composed_and_harmonised(visit):
    visitor = visit()
    visitor.open("Music")
    visitor.fill("Seed (empty: a new one)", "3")
    assert "piece.musicxml" in visitor.press("Compose")
    assert "Piano roll" in visitor.pictures()
    assert visitor.visible("audio").count() == 1
    with visitor.page.expect_download() as downloaded:
        visitor.visible("a[download='piece.mid']").click()
    assert Path(downloaded.value.path()).read_bytes().startswith(b"MThd")
    visitor.keep("demo_music")
    visitor.open("Harmonise")
    visitor.draw([(0.25, 0.7), (0.5, 0.3), (0.75, 0.6)])
    visitor.page.wait_for_function(
        "before => [...document.querySelectorAll('textarea')].every(e => e.value != before)",
        arg=visitor.page.get_by_label("Melody", exact=False).first.input_value(),
    )
    assert "piece.musicxml" in visitor.press("Harmonise")


def test_speech(visit, tmp_path):
    visitor = visit()
    visitor.open("Speech")
    assert "there is no recording" in visitor.press("Transcribe").lower()
    (tmp_path / "broken.wav").write_bytes(b"RIFF, and then nothing")
    visitor.upload(tmp_path / "broken.wav")
    visitor.press("Transcribe")
    assert visitor.visible("[role=alert]").count() == 1
    visitor.clear()
    (tmp_path / "tone.wav").write_bytes(encoded(tone()))
    visitor.upload(tmp_path / "tone.wav")
    assert "What CTC hears" in visitor.press("Transcribe")


def test_dna(visit):
    visitor = visit()
    visitor.open("DNA")
    assert "with probability" in visitor.press("Classify")
    visitor.visible(".marks img").first.wait_for()
    visitor.fill("Sequence, or the text of a FASTA file", "not a sequence \U0001f600")
    visitor.press("Classify")
    assert visitor.visible("[role=alert]").count() == 1


def test_video(visit, tmp_path):
    visitor = visit()
    visitor.open("Video")
    assert "circle, with probability" in visitor.press("Classify the path")
    visitor.open("File")
    (tmp_path / "broken.mp4").write_bytes(b"nothing of a film")
    visitor.upload(tmp_path / "broken.mp4")
    visitor.press("Classify the file")
    assert visitor.visible("[role=alert]").count() == 1


def test_cells_and_memory(visit):
    visitor = visit()
    visitor.open("Cells")
    assert "untrained" in visitor.press("Compare")
    assert "gate" in visitor.pictures()
    visitor.keep("demo_cells")
    visitor.open("Memory")
    assert "1 %" in visitor.press("Measure the gradient")


WRONG = {
    "": "is empty",
    " \n": "is empty",
    "x" * 100_000: "100,000 characters",
}


@pytest.mark.parametrize(
    ("tab", "label", "button"),
    [("Sentiment", "Text", "Classify"), ("NER", "Text", "Find entities")],
)
def test_wrong_texts_are_one_line(visit, tab, label, button):
    visitor = visit()
    visitor.open(tab)
    for text, told in WRONG.items():
        visitor.fill(label, text)
        assert told in visitor.press(button)
        assert visitor.visible("[role=alert]").count() == 1
    visitor.fill(label, "\U0001f600\U0001f62d \u202e <b>not bold</b>")
    assert "<b>not bold</b>" in visitor.press(button).replace(" ", "").replace(
        "notbold", "not bold"
    )
    assert visitor.visible("[role=alert]").count() == 0


def test_a_closed_tab_stops_its_generation(visit, monkeypatch):
    from zoo.predictors.language_model import LanguageModel

    now = {"running": False, "pieces": 0}

    def stream(self, prompt, **settings):
        now["running"] = True
        try:
            while True:
                now["pieces"] += 1
                yield "word "
                time.sleep(0.1)
        finally:
            now["running"] = False

    monkeypatch.setattr(LanguageModel, "stream", stream)
    visitor = visit()
    visitor.open("Language model")
    visitor.page.get_by_role("button", name="Write", exact=True).click()
    visitor.visible(".marks").wait_for()
    assert now["running"]
    visitor.page.close()
    _wait_until(lambda: not now["running"])
    visitor = visit()
    visitor.open("Language model")
    visitor.page.get_by_role("button", name="Write", exact=True).click()
    visitor.visible(".marks").wait_for()
    visitor.page.get_by_role("button", name="Stop", exact=True).click()
    _wait_until(lambda: not now["running"])


def _wait_until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.05)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_tab_hinders_anybody(visit, size):
    from zoo.demo import page

    visitor = visit(size)
    for tab in page.titles():
        visitor.open(tab)
        visitor.page.wait_for_timeout(200)  # a tab opens in a moment
        assert browsers.violations(visitor.page) == [], tab
        wide = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], tab


def test_it_is_used_by_keyboard_alone(visit):
    visitor = visit()
    keyboard = visitor.page.keyboard
    visitor.page.get_by_role("tab", name="Sentiment", exact=True).focus()
    keyboard.press("Enter")
    for _ in range(12):
        keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.tagName") == "TEXTAREA":
            break
    keyboard.press("Control+A")
    keyboard.type("Dreadful.")
    for _ in range(12):
        keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.textContent").strip() == "Classify":
            break
    keyboard.press("Enter")
    visitor.visible(".marks").first.wait_for()
    assert "neg, with probability" in visitor.visible(".marks").first.inner_text()


def test_ten_visitors_get_their_own_answers(address):
    from concurrent.futures import ThreadPoolExecutor

    from gradio_client import Client

    words = (
        "awful",
        "superb",
        "dull",
        "moving",
        "boring",
        "great",
        "stupid",
        "lovely",
        "weak",
        "fun",
    )
    client = [Client(address, verbose=False) for _ in words]

    def ask(number):
        text = f"A film that is {words[number]}, {number} times."
        found = client[number].predict(
            "sentiment_bilstm_movie_snippets", text, api_name="/sentiment_predict"
        )
        return [word for word in words if f">{word}<" in found[1]]

    with ThreadPoolExecutor(len(words)) as pool:
        for _ in range(3):
            assert [*pool.map(ask, range(len(words)))] == [[word] for word in words]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_other_websites_are_refused(address, headers, status):
    import requests

    assert requests.get(f"{address}config", headers=headers, timeout=30).status_code == status
    file = {"files": ("x.txt", b"x")}
    sent = requests.post(f"{address}gradio_api/upload", files=file, headers=headers, timeout=30)
    assert sent.status_code == status


def test_nothing_but_this_machine_reaches_it(address):
    assert address.startswith("http://127.0.0.1:")
    port = int(address.rstrip("/").rpartition(":")[2])
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    places = {place.partition(":")[0] for place in listening if place.endswith(f":{port:04X}")}
    assert places == {"0100007F"}
