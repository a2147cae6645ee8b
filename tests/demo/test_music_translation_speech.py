import base64
import functools
import html
import re

import numpy as np
import pytest

pytest.importorskip("gradio")

import gradio as gr
from support import music_pieces, spoken_words, translation_pairs
from support.recordings import encoded, tone

from tasks.music import Music
from tasks.speech import Speech
from tasks.translation import Translation
from zoo import music
from zoo.demo.panels import panel_of
from zoo.demo.panels.panel import guarded

MELODY = "C5 D5:2 - E5"
HOW = ("C major", 100, 1.0, "7", True)  # key, tempo, temperature, seed, rules


class Kept:
    """The models of a page: one, which is loaded already."""

    named = ()

    def __init__(self, predictor):
        self.predictor = predictor

    def of_kind(self, kind):
        return ["tiny"] if kind == self.predictor.kind else []

    def metrics(self, name):
        return {"voices": 4, "samples": [{"source": "the cat sees the dog."}]}

    def load(self, name):
        return self.predictor


PANELS = {
    "music": lambda: panel_of(Music(), Kept(music_pieces.predictor_of())),
    "translation": lambda: panel_of(Translation(), Kept(translation_pairs.predictor_of())),
    "no attention": lambda: panel_of(
        Translation(), Kept(translation_pairs.predictor_of(attention=None))
    ),
    "speech": lambda: panel_of(Speech(), Kept(spoken_words.predictor_of())),
    "attention": lambda: panel_of(Speech(), Kept(spoken_words.predictor_of("attention"))),
}


@pytest.fixture(scope="module")
def panels():
    """The panel of each name, with a tiny model."""
    return functools.cache(lambda name: PANELS[name]())


def contents(page):
    """What an answer holds, by MIME type, and the texts for who does not see it."""
    data = re.findall(r'(?:src|href)="data:([^;]*);base64,([^"]*)"', page)
    words = re.findall(r'<(?:img alt|audio controls aria-label)="([^"]*)"', page)
    return {kind: base64.b64decode(content) for kind, content in data}, words


def text_of(page):
    return html.unescape(re.sub("<[^>]*>", " ", page))


def refusal(function, *inputs):
    """The one line that a visitor is told instead of an answer."""
    status, answer = guarded(function, 1)(*inputs)
    assert answer is None
    assert 'role="alert"' in status
    message = text_of(status).strip()
    assert "something went wrong" not in message
    assert "\n" not in message
    return message


def pieces_of(page, folder):
    """The scores that an answer's files hold."""
    found, _ = contents(page)
    scores = []
    for name, kind, read in (
        ("piece.mid", "audio/midi", music.midi.read),
        ("piece.musicxml", "application/vnd.recordare.musicxml+xml", music.musicxml.read),
    ):
        (folder / name).write_bytes(found[kind])
        scores.append(read(folder / name))
    return scores


def test_a_piece_is_seen_heard_and_saved(panels, tmp_path):
    page = panels("music").compose("tiny", "C5 G4 E4 C3 | D5", 2, *HOW)
    found, words = contents(page)
    assert found["image/png"].startswith(b"\x89PNG")
    assert found["audio/wav"].startswith(b"RIFF")
    assert words[0].startswith("Piano roll of")
    assert words[0].partition("from ")[2].startswith("C5 G4 E4 C3 to ")
    assert "Seed 7." in text_of(page)
    midi, musicxml = pieces_of(page, tmp_path)
    assert midi.pitches[0].tolist() == [*music.parse_chord("C5 G4 E4 C3")]
    assert 0 < len(midi) <= 2 * 16
    np.testing.assert_array_equal(midi.pitches, musicxml.pitches)


def test_a_piece_needs_no_beginning_key_or_seed(panels):
    page = panels("music").compose("tiny", None, 1, "any", 200, 0.5, "", False)
    assert re.search(r"Seed \d+\.", text_of(page))


def test_a_drawn_melody_is_the_soprano(panels, tmp_path):
    panel = panels("music")
    height, width = 220, 160
    image = np.full((height, width), 255, "uint8")
    image[100:104, : width // 4] = 20  # one bar of one note
    melody = panel.read({"composite": image}, "C major")
    assert re.fullmatch(r"[A-G]\d:4", melody)
    midi, _ = pieces_of(panel.harmonise("tiny", melody, *HOW), tmp_path)
    assert {*midi.pitches[:, 0]} == {music.parse_pitch(melody[:2])}


@pytest.mark.parametrize("drawing", [None, {}, {"composite": np.full((20, 20), 255, "uint8")}])
def test_an_empty_drawing_leaves_the_melody(panels, drawing):
    assert panels("music").read(drawing, "any") == gr.skip()


def test_a_written_melody_is_the_soprano(panels, tmp_path):
    midi, _ = pieces_of(panels("music").harmonise("tiny", MELODY, *HOW), tmp_path)
    wanted = music.melodies.parse_melody(MELODY, 4).pitches[:, 0]
    np.testing.assert_array_equal(midi.pitches[:, 0], wanted)


def test_wrong_notes_are_one_line(panels):
    panel = panels("music")
    for beginning, message in {
        "😀": "is not the name of a note",
        "C5 " * 40_000: "1,000 are the most",
        "C5 C5 C5 C5 C5": "more than the 4 notes",
        "  ": "empty",
    }.items():
        assert message in refusal(panel.compose, "tiny", beginning, 1, *HOW)
    for melody, message in {
        "": "is empty",
        "😀": "is not the name of a note",
        "C" * 100_000: "1,000 are the most",
        "C5:100": "64 are the most",
        "C0": "no key of the piano",
    }.items():
        assert message in refusal(panel.harmonise, "tiny", melody, *HOW)
    for seed in ("x", "-1", "4294967296", "1" * 100_000, "½"):
        how = (*HOW[:3], seed, False)
        assert "is no seed" in refusal(panel.compose, "tiny", "C5", 1, *how)


def test_translations_have_probabilities_and_a_picture(panels):
    panel, text = panels("translation"), "the old cat sees the dog."
    page = panel.translate("tiny", text, 3, 1.0)
    (answer,) = panel.models.load("tiny").predict([text], beams=3, n_best=3)
    said = text_of(page)
    for hypothesis in answer["hypotheses"]:
        assert hypothesis["text"] in said
        assert f"{np.exp(hypothesis['log_probability']):.4g}" in said
    found, words = contents(page)
    assert found["image/png"].startswith(b"\x89PNG")
    assert words[0].startswith("Attention of each token")


def test_without_attention_there_is_no_picture(panels):
    page = panels("no attention").translate("tiny", "the cat sees the dog.", 2, 1.0)
    assert contents(page) == ({}, [])
    assert "no attention" in text_of(page)


def test_odd_texts_are_translated_or_refused_in_one_line(panels):
    panel = panels("translation")
    assert "Where the decoder looks" in text_of(panel.translate("tiny", "😀 🙃", 1, 0.0))
    assert "empty" in refusal(panel.translate, "tiny", " \n", 5, 1.0)
    assert "1,000 are the most" in refusal(panel.translate, "tiny", "x" * 100_000, 5, 1.0)
    drawn = panel.translate("tiny", "the cat " * 120, 1, 1.0)
    assert "of at most 120 tokens" in text_of(drawn)


@pytest.fixture
def recording(tmp_path):
    """Writes the content of a recording; returns its path."""

    def write(content, name="recording.wav"):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def test_a_recording_is_text_words_and_picture(panels, recording):
    waveform, panel = spoken_words.spoken("la so ti"), panels("speech")
    page = panel.transcribe("tiny", recording(encoded(waveform)))
    (answer,) = panel.models.load("tiny").predict([waveform], n_best=5)
    said = " ".join(text_of(page).split())
    assert " ".join(answer["text"].split()) in said
    for word in answer["words"]:
        assert f"{word['word']} {word['start']:.2f}-{word['end']:.2f}" in said
    assert f"The best {len(answer['hypotheses'])}" in said
    found, words = contents(page)
    assert found["image/png"].startswith(b"\x89PNG")
    assert words[0].startswith("Waveform, spectrum and letters")


def test_a_model_of_attention_has_no_path(panels, recording):
    page = panels("attention").transcribe("tiny", recording(encoded(spoken_words.spoken("mi"))))
    assert contents(page) == ({}, [])
    assert "none of CTC" in text_of(page)


def test_what_is_no_recording_is_one_line(panels, recording):
    panel = panels("speech")
    for content, message in {
        b"": "recording.wav: the file is empty",
        b"RIFF nonsense" * 9: "not a recording, or it is damaged",
        encoded(np.zeros(8_000, "float32")): "is silent",
        encoded(tone(61, rate=4_000), rate=4_000): "longer than 60 seconds",
    }.items():
        told = refusal(panel.transcribe, "tiny", recording(content))
        assert message in told.lower() or message in told
        assert "/" not in told.replace("MP3 or", "")  # no folder of the server
    assert "no recording" in refusal(panel.transcribe, "tiny", None)


@pytest.mark.parametrize("name", ["music", "translation", "speech"])
def test_every_input_has_a_label(panels, name):
    with gr.Blocks() as page:
        panels(name).build()
    inputs = {
        block
        for function in page.fns.values()
        for block in function.inputs
        if not isinstance(block, gr.State | gr.Dataset)
    }
    assert inputs
    assert [block for block in inputs if not block.label] == []
