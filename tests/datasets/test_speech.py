"""Recordings with texts: the digits as they are told, users' tables, and what is wrong in them."""

import collections
import io
import logging
from importlib import resources
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import tfds_corpus
from support.recordings import silent_film, tone
from support.refusals import refused

from zoo.audio import write
from zoo.datasets import corpora, speech
from zoo.datasets.corpora.free_spoken_digits import (
    SPEAKERS,
    WORDS,
    FreeSpokenDigits,
    Utterance,
    joined,
    read_clips,
    split_clips,
)

DIGITS = Path(__file__).resolve().parents[3] / "shared" / "data" / "digits"
OFFICIAL = {"train": 2_400, "validation": 300, "test": 300}


@pytest.fixture(scope="module")
def clips(session_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(session_cache))
        return read_clips()


def test_each_digit_was_said_fifty_times_by_each_speaker(clips):
    said = collections.Counter((clip.digit, clip.speaker) for clip in clips)
    assert said == {(digit, speaker): 50 for digit in range(10) for speaker in SPEAKERS}
    assert len({(clip.digit, clip.speaker, clip.take) for clip in clips}) == 3_000
    assert all(clip.features.shape[1:] == (13,) and len(clip.features) for clip in clips)


def test_who_speaks_is_what_the_recordings_say(clips):
    if not DIGITS.exists():
        pytest.skip("the recordings are not here")
    names = [f"{clip.digit}_{clip.speaker}_{clip.take}.wav" for clip in clips]
    assert names == (DIGITS / "rows.txt").read_text().split()


def contents(clips):
    return {clip.features.tobytes() for clip in clips}


def test_no_clip_and_no_speaker_is_on_two_sides(clips):
    splits = split_clips(clips)
    assert {name: len(split) for name, split in splits.items()} == OFFICIAL
    train, validation, test = map(contents, splits.values())
    assert not train & validation
    assert not (train | validation) & test
    assert {clip.take for clip in splits["test"]} == {0, 1, 2, 3, 4}
    for speaker in SPEAKERS:
        splits = split_clips(clips, speaker)
        assert {clip.speaker for clip in splits["test"]} == {speaker}
        assert [len(split) for split in splits.values()] == [2_250, 250, 500]
        heard = {clip.speaker for name in ("train", "validation") for clip in splits[name]}
        assert heard == {*SPEAKERS} - {speaker}


def test_joined_digits_are_clips_of_one_speaker_with_short_gaps(clips):
    """Each is taken apart again: clip after clip, with what the documentation allows between."""
    split = split_clips(clips)["test"]
    own = {(clip.speaker, WORDS[clip.digit]): [] for clip in split}
    for clip in split:
        own[clip.speaker, WORDS[clip.digit]].append(clip.features)
    found, again = joined(split, 150, seed=2), joined(split, 150, seed=2)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.features, other.features)
        assert one[1:] == other[1:]
    assert [u.text for u in joined(split, 150, seed=3)] != [u.text for u in found]
    ends, silent = [], 0
    for features, text, speaker in found:
        words, at, gaps = text.split(), 0, []
        assert 1 <= len(words) <= 7
        for word in words:
            gap, length = next(
                (gap, len(clip))
                for gap in range(12)
                for clip in own[speaker, word]
                if np.array_equal(features[at + gap : at + gap + len(clip)], clip)
            )
            gaps.append(features[at : at + gap])
            at += gap + length
        assert len(features) - at <= 11
        gaps.append(features[at:])
        ends.append((len(gaps[0]), len(gaps[-1])))
        room = np.concatenate(gaps)
        silent += bool(len(room)) and not room[:, 1:].any()
    first, last = (np.array(side) for side in zip(*ends, strict=True))
    assert 0.35 < (first == 0).mean() < 0.75
    assert 0.35 < (last == 0).mean() < 0.75
    assert 0.15 < silent / 150 < 0.45


def test_the_configurations_are_as_large_as_is_told(clips, monkeypatch):
    def quickly(clips, number, seed):
        return [Utterance(c.features, "", c.speaker) for c in islice(cycle(clips), number)]

    monkeypatch.setattr(corpora.free_spoken_digits, "read_clips", lambda: clips)
    monkeypatch.setattr(corpora.free_spoken_digits, "joined", quickly)
    for configuration in FreeSpokenDigits.BUILDER_CONFIGS:
        builder = type("_", (), {"builder_config": configuration})
        splits = FreeSpokenDigits._splits(builder)
        sizes = {name: len(split) for name, split in splits.items()}
        isolated = configuration.name == "isolated"
        assert sizes == (OFFICIAL if isolated else corpora.free_spoken_digits.SIZES)
        if configuration.name.startswith("without"):
            left_out = configuration.name.removeprefix("without_")
            assert {u.speaker for u in splits["test"]} == {left_out}
            assert left_out not in {u.speaker for u in splits["train"] + splits["validation"]}
    rows = np.load(
        io.BytesIO(resources.files(corpora).joinpath("free_spoken_digits_rows.npy").read_bytes())
    )
    assert len(rows) == 3_000


def table(folder, rows, columns=("audio", "text"), name="a.tsv"):
    path = folder / name
    path.write_text("\n".join("\t".join(row) for row in (columns, *rows)), encoding="utf-8")
    return path


@pytest.fixture
def recordings(tmp_path):
    for i in range(4):
        write(tone(0.1, frequency=300 + 100 * i), tmp_path / f"{i}.wav")
    return tmp_path


def test_texts_are_tidied_and_speakers_kept(recordings):
    rows = [("0.wav", "  Hello   WORLD ", "ann"), (str(recordings / "1.wav"), "Été", "")]
    data = speech.from_file(table(recordings, rows, ("audio", "text", "speaker")))
    assert (data.texts, data.speakers) == (["hello world", "été"], ["ann", ""])
    assert [(r.dtype, r.shape) for r in data.recordings] == [("int16", (800,))] * 2
    twice = speech.from_file(table(recordings, rows[:1], ("audio", "text", "speaker")), rate=16_000)
    assert len(twice.recordings[0]) == 1_600


def test_one_missing_among_many_is_named_and_left_out(recordings, caplog):
    (recordings / "film.mp4").write_bytes(silent_film())
    rows = [(f"{i}.wav", f"text {i}") for i in range(4)]
    path = table(recordings, [*rows, ("film.mp4", "x"), ("gone.wav", "y")])
    with caplog.at_level(logging.WARNING):
        assert speech.from_file(path).texts == [text for _, text in rows]
    (film, gone) = (record.getMessage() for record in caplog.records)
    assert "a.tsv: line 6: " in film
    assert "no sound in it" in film
    assert "a.tsv: line 7: " in gone
    assert "gone.wav: there is no such file" in gone


def test_tables_that_are_wrong(recordings):
    gone = [(f"gone_{i}.wav", "x") for i in range(9)]
    refused(
        r"line 2: .*gone_0.* 5 of the 9 recordings.: mend",
        speech.from_file,
        table(recordings, gone),
    )
    swapped = [("hello", "0.wav"), ("world", "1.wav")]
    refused("swap the names", speech.from_file, table(recordings, swapped))
    unnamed = table(recordings, [("0.wav", "x")], ("path", "text"))
    refused("no column 'audio'", speech.from_file, unnamed)
    empty = speech.from_file(table(recordings, [("0.wav", ""), ("1.wav", " \u2003 ")]))
    assert empty.texts == ["", ""]
    refused("line 2: .*: mend the column 'audio'", speech.from_file, table(recordings, [("", "x")]))


def test_corpora_of_sounds_and_classes_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path))
    features = {
        "audio": tfds.features.Audio(sample_rate=16_000),
        "label": tfds.features.ClassLabel(names=["No", "yes"]),
        "speaker": tfds.features.Text(),
    }
    sounds = [np.full(1_600, 1_000 * (i + 1), "int16") for i in range(3)]
    rows = [{"audio": s, "label": i % 2, "speaker": "ann"} for i, s in enumerate(sounds)]
    splits = dict.fromkeys(("train", "validation", "test"), rows)
    tfds_corpus("SoundsOfTests", features, splits, ("audio", "label"))
    data = speech.load("sounds_of_tests").train
    assert sorted(data.texts) == ["no", "no", "yes"]
    assert set(data.speakers) == {"ann"}
    for recording in data.recordings:
        assert abs(len(recording) - 800) <= 1
        middle = recording[200:600]
        assert abs(middle.astype(int) - 1_000 * round(middle.mean() / 1_000)).max() <= 20
