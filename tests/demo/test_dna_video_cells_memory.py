"""The panels of DNA, clips, memory and cells, without a browser: right and wrong inputs."""

import re

import keras
import numpy as np
import pytest

pytest.importorskip("gradio")

from support.clips import moving
from support.sequences import UNITS, VARIANTS, build_cell, sample

from zoo import video
from zoo.cells import CELLS
from zoo.demo.models import Models
from zoo.demo.page import tasks
from zoo.demo.panels import more_panels, panel_of
from zoo.demo.panels.panel import guarded
from zoo.demo.panels.video import points_of
from zoo.layers import Recurrence, RecurrentStack
from zoo.memory.gates import trace
from zoo.predictors.vectors import vectors

MODELS = Models()
PANELS = {task.name: panel_of(task, MODELS) for task in tasks()}
(CELLS_PANEL,) = more_panels(MODELS)
DNA, VIDEO = "dna_bilstm_splice_junctions", "video_bilstm_libras"
CLASSIFIER, DATES = "sentiment_bilstm_movie_snippets", "translation_bigru_dates"


def answer(function, *given):
    """The status and the last answer that a visitor gets."""
    found = guarded(function, 1)(*given)
    return found if isinstance(found, tuple) else list(found)[-1]


def refused(function, *given):
    """The one line that a visitor gets."""
    status, shown = answer(function, *given)
    assert shown is None
    (line,) = re.findall(r'^<p class="failed" role="alert" data-at="\d+">(.*)</p>$', status)
    assert "terminal" not in line  # where unforeseen errors are told
    return line


def pictures(shown):
    """The alternative texts of all pictures in an answer; each is a PNG in the page itself."""
    found = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,iVBOR', shown)
    assert len(found) == shown.count("<img")
    return found


def test_of_dna_the_letters_that_matter_are_drawn():
    junction = "CCAGCTGCATCACAGGAGGCCAGCGAGCAGGTCTGTTCCAAGGGCCTTCGAGCCAGTCTG"
    status, shown = answer(PANELS["dna"].classify, DNA, f">one first\n{junction}\n>two\nACGT")
    assert status == ""
    (words,) = pictures(shown)
    assert "EI" in words
    assert "G 31" in words  # GT after the middle is what a donor site has
    assert "T 32" in words
    assert "the first of 2" in shown
    _, long = answer(PANELS["dna"].classify, DNA, "ACGT" * 126)
    assert pictures(long) == []
    assert "Unlike the training data" in long
    assert "500 at most" in long


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "empty"),
        (" \n", "empty"),
        ("A" * 100_000, "20,000 are the most"),
        ("\N{GRINNING FACE}", "no nucleotide"),
        (">", "no nucleotide"),
        ("@a\nACGT", "FASTQ"),
        ("/etc/passwd", "as protein"),  # no name of a file is followed
    ],
)
def test_what_is_no_dna_is_refused_in_one_line(text, told):
    assert told in refused(PANELS["dna"].classify, DNA, text)


def test_paths_and_files_of_clips(tmp_path):
    panel = PANELS["video"]
    _, drawn = answer(panel.follow, VIDEO, "circle", 0.26, 0, False)
    assert "<caption>circle, with probability 0.9" in drawn
    assert len(pictures(drawn)) == 2
    path = points_of("circle", 0.26, 0, False)
    clip = video.draw(path, 24)
    video.write(clip, tmp_path / "clip.mkv")  # which keeps frames as they are
    _, watched = answer(panel.watch, VIDEO, str(tmp_path / "clip.mkv"))
    assert watched == drawn
    video.write(moving(), tmp_path / "other.gif")
    assert "Unlike the training data" in answer(panel.watch, VIDEO, tmp_path / "other.gif")[1]
    turned = points_of("circle", 0.26, 180, False)  # about the middle of the paths
    np.testing.assert_allclose(turned + path, np.broadcast_to([1, 0.9], path.shape), rtol=1e-5)


def test_what_is_no_clip_is_refused_in_one_line(tmp_path):
    panel = PANELS["video"]
    assert "no file" in refused(panel.watch, VIDEO, None)
    assert "no path" in refused(panel.follow, VIDEO, "\N{GRINNING FACE}", 0.2, 0, False)
    for content in (b"", b"no video" * 100, b"\x89PNG\r\n"):
        (tmp_path / "clip.mp4").write_bytes(content)
        line = refused(panel.watch, VIDEO, str(tmp_path / "clip.mp4"))
        assert line.startswith("The file clip.mp4: ")  # without the folders of this machine
    assert "no model" in refused(panel.watch, "none", str(tmp_path / "clip.mp4"))


def test_memory_shows_what_the_command_line_measures():
    panel = PANELS["memory"]
    _, shown = answer(panel.measure, "rnn", "default", 12)
    (words,) = pictures(shown)
    assert "rnn" in words
    rows = dict(re.findall(r"<tr><td>(\d+)</td><td>([\d.e-]+)</td>", shown))
    assert list(rows) == ["1", "2", "5", "10"]
    assert 0 < float(rows["10"]) < float(rows["1"]) < 1
    assert "no gate that keeps" in refused(panel.measure, "rnn", "remembering", 12)
    assert "no cell" in refused(panel.measure, "elephant", "default", 12)
    assert "2 to 100" in refused(panel.measure, "lstm", "default", 1e9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_trace_has_the_states_of_the_layer(variant):
    cell = build_cell(variant)
    x, _ = sample(cell, batch=1, dtype="float32")
    layer = Recurrence(cell, return_sequences=True, return_state=True)
    outputs, *final = layer(x)
    gates, states = trace(cell, x[0])
    np.testing.assert_allclose(states[0], outputs[0], atol=1e-6)
    for state, last in zip(states, final, strict=True):
        np.testing.assert_allclose(state[-1], last[0], atol=1e-6)
    assert all(one.shape == (x.shape[1], UNITS) for one in gates.values())


def test_gates_of_a_trace_are_those_of_the_equations():
    for name in CELLS:
        cell = build_cell(name)
        x, _ = sample(cell, batch=1, dtype="float32")
        gates, states = trace(cell, x[0])
        memory = states[-1]
        before = np.concatenate([np.zeros_like(memory[:1]), memory[:-1]])
        if name == "rnn":
            expected = gates["activation"]
        elif name == "reset_after_gru":
            expected = gates["update"] * before + (1 - gates["update"]) * gates["candidate"]
        else:
            kept = gates.get("forget", 1 - gates["update"])
            expected = gates["update"] * gates["candidate"] + kept * before
        np.testing.assert_allclose(memory, expected, atol=1e-6)
        if len(states) == 2:
            np.testing.assert_allclose(states[0], gates["output"] * np.tanh(memory), atol=1e-6)


@pytest.mark.parametrize("name", [CLASSIFIER, DATES])
def test_a_saved_model_has_the_states_that_are_shown(name):
    predictor = MODELS.load(name)
    tokens, steps, cell = vectors(predictor, "12 bad days in May, \N{GRINNING FACE}")
    stack = next(one for one in predictor.model.layers if isinstance(one, RecurrentStack))
    given = predictor.model.inputs
    ids = {
        CLASSIFIER: lambda: predictor.tokenizer(["12 bad days in May, \N{GRINNING FACE}"]),
        DATES: lambda: predictor.source_ids(["12 bad days in May, \N{GRINNING FACE}"]),
    }[name]()
    read = next(one for one in given if one.name in ("ids", "source_ids"))
    whole = keras.Model(read, stack.output)(ids)[0, :, : cell.units]  # those of both directions
    assert len(tokens) == len(steps) == len(whole)
    np.testing.assert_allclose(trace(cell, steps).states[0], whole, atol=1e-5)


def test_two_cells_beside_each_other():
    model = f"model {CLASSIFIER}"
    _, shown = answer(CELLS_PANEL.compare, model, "gru", "This film is not bad at all.")
    first, second = pictures(shown)
    assert first.startswith(f"lstm of {CLASSIFIER}, trained")
    assert second.startswith(f"gru, untrained, on what {CLASSIFIER} reads")
    assert "forget gate" in first
    assert "relevance gate" in second
    status, plain = answer(CELLS_PANEL.compare, "rnn", "rnn", r"$\frac$ " + "a" * 99 + " b" * 70)
    assert status == ""
    first, second = pictures(plain)
    assert first == second
    assert "by 60 steps" in first
    for text, told in ((None, "empty"), ("\n", "empty"), ("a" * 100_000, "2,000 are the most")):
        assert told in refused(CELLS_PANEL.compare, model, "gru", text)
    assert "no cell" in refused(CELLS_PANEL.compare, "elephant", "gru", "a")
    assert "no model" in refused(CELLS_PANEL.compare, "gru", "model elephant", "a")
