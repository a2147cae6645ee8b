"""The speech task: its options, what it prints of a recording, and wrong input as users meet it."""

import json
import shutil
from typing import ClassVar

import numpy as np
import pytest
from support.command_lines import assert_refused
from support.language_modelling import predictor_of as language_model_of
from support.parts import near, read_parts
from support.recordings import encoded, silent_film, tone
from support.spoken_words import predictor_of, spoken
from support.task_case import CASES, TaskTests

import zoo
from tasks.speech import Speech
from zoo.audio import write
from zoo.predictors import presets
from zoo.training import checkpoints


class TestSpeech(TaskTests):
    case = CASES["speech"]
    refused: ClassVar = {
        "predict a.wav --n-best=6 --beams=5": "give --beams 6",
        "predict missing.wav": "missing.wav: there is no such file",
        "predict a.wav --stream": "--no-bidirectional",
        "predict a.wav --language-model=nowhere": "unknown model 'nowhere'",
        "train --data=x.tsv --subsampling=9": "--subsampling",
    }

    def test_what_there_is_to_hear(self, trained, verb, tmp_path):
        """Several transcriptions, a picture, and the times of words."""
        first, second = trained.inputs(self.case)
        picture = tmp_path / "a.png"
        shown = verb("predict", first, second, "--n-best=2", "--beams=4", "--alignment", picture)
        assert len(shown.out.splitlines()) == 4
        assert picture.read_bytes().startswith(b"\x89PNG")
        (found,) = verb("predict", first, "--json").json["predictions"]
        assert found["text"] == " ".join(word["word"] for word in found["words"])
        for word in found["words"]:
            assert 0 <= word["start"] < word["end"] <= found["seconds"] + 0.05

    def test_recordings_of_a_folder_are_rows(self, trained, verb, tmp_path, monkeypatch):
        monkeypatch.chdir(trained.model.parent)
        paths = [f"test_{i}.wav" for i in range(4)]
        expected = verb("predict", *paths, "--json").json["predictions"]
        data = ("--data", "test_*.wav", "--part-rows=3")
        assert verb("predict", *data, "--out", tmp_path / "out").code == 0
        rows = read_parts(tmp_path / "out")
        assert [row["file"] for row in rows] == paths
        assert [row["prediction"] for row in rows] == [*map(near, expected)]
        refused = verb("predict", *data, "--out", tmp_path / "other", "--stream")
        assert_refused(refused, "--stream is of inputs given one by one")
        refused = verb("predict", *data, "--out", tmp_path / "other", "--n-best=6", "--beams=5")
        assert_refused(refused, "give --beams 6")
        assert not (tmp_path / "other").exists()

        folder = tmp_path / "data"
        folder.mkdir()
        (folder / "a.wav").write_bytes(b"RIFF no sound")
        shutil.copy(paths[0], folder / "b.wav")
        (folder / "c.csv").write_text("audio,id\nb.wav,1\nno.wav,2\n")
        assert verb("predict", "--data", folder, "--out", tmp_path / "some").code == 2
        broken, whole, named, missing = read_parts(tmp_path / "some")
        assert whole["prediction"]["text"] == named["prediction"]["text"] == expected[0]["text"]
        assert (named["id"], named["row"], named["file"]) == ("1", 1, str(folder / "c.csv"))
        assert "a.wav" in broken["error"]
        assert "no.wav: there is no such file" in missing["error"]

    def test_it_has_learnt_and_each_speaker_has_figures(self, trained):
        loss = checkpoints.load(trained.model / "run").history["loss"]
        assert loss[-1] < loss[0]
        assert trained.metrics["by_speaker"].keys() == {"ann", "bob"}
        assert trained.metrics["infeasible"] == 0

    @pytest.mark.parametrize("head", ["ctc", "attention", "label"])
    def test_the_network_is_that_of_the_options(self, head, built):
        words = ("--features=log_mel", "--rate=16000", "--subsampling=3", "--layers=2")
        predictor, _ = built(f"--head={head}", "--subsampling-kind=convolution", *words)
        assert predictor.head.name == head
        assert predictor.features.kind == "log_mel"
        assert (predictor.features.rate, predictor.seconds_per_step) == (16_000, 0.075)
        assert not predictor.streams
        one_way, _ = built(f"--head={head}", "--no-bidirectional", "--subsampling=3")
        assert one_way.streams == (head == "ctc")
        assert one_way.normalization.kind == ("running" if head == "ctc" else "utterance")

    def test_files_that_hold_no_speech(self, trained, verb, tmp_path):
        for name, content, problem in (
            ("film.mp4", silent_film(), "no sound in it"),
            ("empty.wav", b"", "is empty"),
            ("none.wav", encoded(tone())[:44], "damaged"),
            ("text.wav", b"A text.\n" * 9, "not a recording"),
        ):
            (tmp_path / name).write_bytes(content)
            assert_refused(verb("predict", tmp_path / name), name, problem)

    def test_odd_recordings_have_answers(self, verb, tmp_path):
        """Silence, ten milliseconds, two channels, eight bits, and many samples a second."""
        sound = spoken("la so")
        paths = []
        for name, content in (
            ("silence", encoded(np.zeros(8_000, "float32"))),
            ("short", encoded(tone(0.01))),
            ("stereo", encoded(sound, sound)),
            ("8_bit", encoded(sound, codec="pcm_u8")),
            ("96_khz", encoded(np.repeat(sound, 12), rate=96_000)),
        ):
            paths.append(tmp_path / f"{name}.wav")
            paths[-1].write_bytes(content)
        found = verb("predict", *paths, "--json").json["predictions"]
        seconds = [answer["seconds"] for answer in found]
        expected = [1, 0.01, *[len(sound) / 8_000] * 3]
        assert seconds == pytest.approx(expected, abs=0.002)


def saved(folder, **options):
    presets.save(predictor_of(**options), folder, {})
    return folder


def test_a_stream_prints_what_comes_in(call, tmp_path):
    model = saved(tmp_path / "model", bidirectional=False, subsampling=3)
    write(spoken("so ti la mi"), tmp_path / "a.wav")
    words = ("predict", "--model", model, tmp_path / "a.wav")
    shown = call(Speech, *words, "--stream")
    (whole,) = call(Speech, *words, "--beams=1", "--json").json["predictions"]
    assert whole["text"]
    assert shown.out == f"{whole['text']}  ({tmp_path / 'a.wav'})\n"
    assert shown.err.startswith(whole["text"])
    (found,) = call(Speech, *words, "--stream", "--json").json["predictions"]
    assert found["text"] == whole["text"]


def test_what_a_model_cannot_do_is_said(call, tmp_path):
    write(spoken("la"), tmp_path / "a.wav")
    attention = saved(tmp_path / "attention", head="attention")
    ctc = saved(tmp_path / "ctc")
    for level in ("word", "character"):
        presets.save(language_model_of(level), tmp_path / level, {})
    for model, words, problem in (
        (attention, ("--alignment", tmp_path / "a.png"), "give a model of CTC"),
        (attention, ("--language-model", tmp_path / "character"), "with CTC alone"),
        (attention, ("--stream",), "cannot stream|--no-bidirectional"),
        (ctc, ("--language-model", tmp_path / "word"), "language model of characters"),
        (ctc, ("--language-model", attention), "is no language model"),
    ):
        result = call(Speech, "predict", "--model", model, tmp_path / "a.wav", *words)
        assert any(problem in result.err for problem in problem.split("|")), result
        assert_refused(result)
    words = ("--language-model", tmp_path / "character", "--weight=0.5", "--json")
    result = call(Speech, "predict", "--model", ctc, tmp_path / "a.wav", *words)
    assert len(result.json["predictions"]) == 1


@pytest.mark.long  # the corpus is prepared first
def test_real_digits_are_learnt_from_features(call, session_cache, monkeypatch, tmp_path):
    """Of seconds; what is saved answers alike, and audio that it has never seen."""
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    model = tmp_path / "model"
    words = ("--dataset=free_spoken_digits/isolated", "--limit=40", "--batch-size=8", "--seed=1")
    words += ("--units=16", "--layers=1", "--epochs=6", "--dropout=0", "--learning-rate=0.02")
    result = call(Speech, *words, "--out", model)
    assert result.code == 0, result.err
    history = checkpoints.load(model / "run").history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert min(history["val_loss"]) < history["val_loss"][0]
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics["examples"] == 40
    measured = call(Speech, "evaluate", "--model", model, "--limit=40", "--json").json
    for name in ("wer", "cer", "baseline_wer"):
        assert measured[name] == pytest.approx(metrics[name], abs=1e-6)
    (answer,) = zoo.load(model).predict([spoken("la so")])
    assert set(answer["text"]) <= {*" efghinorstuvwxz"}
    options = ("--dataset=free_spoken_digits/isolated", "--limit=40", "--features=log_mel")
    assert_refused(call(Speech, *options, "--out", tmp_path / "b"), "13 numbers", "leave")
    assert_refused(call(Speech, *options, "--rate=16000", "--out", tmp_path / "b"), "13 numbers")


def test_waveforms_of_integers_are_told_from_floats():
    model = predictor_of()
    with pytest.raises(TypeError, match="divide 16 bits"):
        model.predict([1e4 * np.sin(np.arange(800.0))])
    silence, nothing = model.predict([np.zeros(800), np.zeros(0)])
    assert silence["text"] == nothing["text"] == ""


def test_a_stream_takes_no_other_search(call, tmp_path):
    model = saved(tmp_path / "model", bidirectional=False, subsampling=3)
    write(spoken("so ti"), tmp_path / "a.wav")
    words = ("predict", "--model", model, tmp_path / "a.wav", "--stream")
    assert_refused(call(Speech, *words, "--n-best=2"), "leave --n-best")
    result = call(Speech, *words, tmp_path / "b.wav", "--json")
    told = json.loads(result.out)
    found = told["predictions"]
    assert (result.code, told["failed"]) == (2, 1)
    assert call(Speech, *words, tmp_path / "b.wav").code == 2
    assert found[0]["text"]
    assert "no such file" in found[1]["error"]
