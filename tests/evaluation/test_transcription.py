"""Error rates of words and characters against a plain edit distance; their baseline."""

import numpy as np
import pytest
from support.refusals import refused
from support.spoken_words import utterances

from zoo.audio import Features
from zoo.evaluation.baselines import SpokenWords
from zoo.evaluation.transcription import error_rate, transcription_metrics


def edits(one, other):
    """The fewest insertions, deletions and substitutions (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def test_rates_are_of_the_fewest_edits():
    draw = np.random.default_rng(0)
    make = lambda most: " ".join(draw.choice(["a", "bc", "é", "dd"], draw.integers(most)))  # noqa: E731
    texts, references = [make(6) for _ in range(60)], [make(6) for _ in range(60)]
    assert "" in references
    pairs = [*zip(texts, references, strict=True)]
    words = sum(edits(t.split(), r.split()) for t, r in pairs)
    letters = sum(edits(t, r) for t, r in pairs)
    number = sum(len(r.split()) for r in references)
    assert error_rate(texts, references) == pytest.approx(words / number)
    assert error_rate(texts, references, words=False) == pytest.approx(
        letters / sum(map(len, references))
    )
    speakers = ["ann", "bob", ""] * 20
    found = transcription_metrics(texts, references, speakers)
    assert found["exact_match"] == np.mean([t == r for t, r in pairs])
    assert found["by_speaker"]["ann"] == {
        "wer": error_rate(texts[::3], references[::3]),
        "cer": error_rate(texts[::3], references[::3], words=False),
        "examples": 20,
    }
    assert found["by_speaker"].keys() == {"ann", "bob"}
    assert "by_speaker" not in transcription_metrics(texts, references, [""] * 60)


def test_rates_of_nothing():
    assert error_rate([], []) == error_rate([""], [""]) == error_rate(["a"], ["a"]) == 0
    assert error_rate([""], ["a b"]) == 1
    assert error_rate(["a b"], [""]) == 2
    assert error_rate(["a b c", "x"], ["a", "x"]) == 1


def test_words_between_pauses(tmp_path):
    data, settings = utterances(20), Features()
    baseline = SpokenWords.fit(data.recordings, data.texts, settings)
    assert baseline.evaluate(data)["wer"] < 0.3
    baseline.save(tmp_path / "a.npz")
    again = SpokenWords.load(tmp_path / "a.npz", settings)
    assert again.transcribe(data.recordings) == baseline.transcribe(data.recordings)
    odd = [np.zeros(0), np.zeros(80), np.zeros(4_000), data.recordings[0]]
    assert again.transcribe(odd)[0] == ""
    (one_word, few) = (
        SpokenWords.fit(data.recordings[:n], data.texts[:n], settings) for n in (1, 2)
    )
    assert set(one_word.transcribe(data.recordings)) <= {"", "la", "la la"}
    assert few.words == ("la", "mi")
    refused("nothing is said", SpokenWords.fit, data.recordings, [""] * 20, settings)
