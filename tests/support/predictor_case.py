"""A tiny predictor of each kind, inputs for it, and its answers on any backend.

python predictor_case.py FOLDER: what the models saved in FOLDER answer with KERAS_BACKEND.
"""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import zoo
from support import (
    classifiers,
    clips,
    dna_windows,
    language_modelling,
    music_pieces,
    spoken_words,
    translation_pairs,
)
from support.sequences import randomize
from zoo import genomics
from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.networks import Paths, many_to_many
from zoo.predictors import EntityTagger
from zoo.predictors.base import Predictor
from zoo.predictors.clips import read
from zoo.text import tags
from zoo.text.token_features import SHAPES, TokenEncoder
from zoo.video import Sampling

ODD_TEXTS = [
    "Ann Lee met Bob in Rome, and Bob met Ann.",
    "",
    "Bob",
    "  \n\t\u2003 ",
    "\U0001f600 Bob \U0001f469\u200d\U0001f467 e\u0301te\u0301 Ko\u0308ln\n\nNew York\r\nRome",
    "\ufeffAnn\u200bLee\u00a0met\x00Bob\x1fRome\x85Joe\u2028Eva",
    "東京 is far from Köln, isn't it?",
    "Ann Lee met Bob . " * 20,
]
TAGS = tuple(tags.tag_set(["LOC", "ORG", "PER"]))
SENTENCES = [
    ["Ann", "Lee", "met", "Bob", "in", "Rome"],
    ["Bob"],
    ["in", "Köln", "\u2028", "\x85", "<PAD>", ",", "met", "Ann", "Joe", "1999"],
    ["New", "York"] * 30,
]
PAIRS = ["the cat.", "the big dog sees the old cat.", "", "the dog hears the cat. the cat hears."]


def tagger(head="crf", context="sentence", **options):
    """A tagger whose tags differ from token to token, of a network with further options."""
    encoder = TokenEncoder.from_sentences(SENTENCES, longest_word=5)
    model = many_to_many(
        len(encoder.words),
        len(TAGS),
        characters=len(encoder.characters) if head == "crf" else None,
        longest_word=encoder.longest_word,
        character_units=3,
        shapes=len(SHAPES) + 2,
        embedding_dim=5,
        units=4,
        head=head,
        allowed=tags.allowed_transitions(TAGS),
        **{"character_kind": "convolutional"} | options,
    )
    randomize(model, seed=3, scale=1)
    return EntityTagger(model, encoder, TAGS, context)


def tagged(tokens, places=None, seed=4):
    """Sentences with well-formed tags, drawn by chance."""
    draw = np.random.default_rng(seed)
    drawn = [tags.repair(draw.choice(TAGS, len(t)).tolist()) for t in tokens]
    return TaggedSentences(tokens, drawn, places)


class PredictorCase(NamedTuple):
    """A predictor, inputs of several lengths and data to measure it on."""

    make: Callable[[], Predictor]
    inputs: list[Any]  # strings, or waveforms
    data: tuple[Any, ...]


def _case(inputs, data, make, *arguments, **options):
    return PredictorCase(functools.partial(make, *arguments, **options), inputs, data)


_CHORDS = ["C5 G4 E4 C3 | D5 G4 D4 B2", "", "C5 G4 E4 C3"]
_STORIES = ["The king is dead.\n", "A", "", "Köln? xyz!", "Nobody loves the sea. " * 8]
_DOCUMENTS = [language_modelling.text(10), "The sea.\n"]
_FILMS = classifiers.TEXTS
_SPOKEN = [
    spoken_words.spoken("so ti la mi"),
    np.zeros(0, "float32"),
    spoken_words.spoken("mi")[:80],
    (spoken_words.spoken("la so", "bob") * 2**14).astype("int16"),
    np.zeros(3_000),
]


def _pieces(kind):
    return [music_pieces.piece_of(kind, steps=5 + 4 * i, seed=i, first=4 * i) for i in range(3)]


def _paths():
    draw = np.random.default_rng(3)
    return [draw.normal(size=(length, 2)).cumsum(axis=0) for length in (7, 1, 12, 3)]


def _cases():
    for n in (2, 3):
        data, labels = (_FILMS, np.arange(len(_FILMS)) % n), classifiers.LABELS[:n]
        yield f"classifier of {n}", _case(_FILMS, data, classifiers.balanced, labels, layers=2)
    letters, make = dna_windows.SEQUENCES, dna_windows.dna_classifier
    for name, classes, encoder in (
        ("DNA of 3", 3, {"width": 3}),
        ("DNA of 2, both strands", 2, {"width": 2, "stride": 2, "reverse_complement": True}),
        ("DNA of codons", 3, {"k": 3, "k_stride": 3}),
    ):
        pooling = "max" if "codons" in name else "place"
        plain = [genomics.normalized(sequence) for sequence in letters]
        data, labels = (plain, np.arange(len(letters)) % classes), dna_windows.LABELS[:classes]
        yield name, _case(letters, data, make, labels, pooling=pooling, **encoder)
    for name, classes, encoder, given in (
        ("video of 3", 3, None, [clip[:, :, :, :1] for clip, _ in clips.motions(9)]),
        ("video of paths", 2, Paths(2, 3, 4, 2), _paths()),
    ):
        plain = given if encoder else [read(clip, Sampling((8, 6), 1)) for clip in given]
        data = plain, np.arange(len(given)) % classes
        yield name, _case(given, data, clips.classifier, classes, encoder)
    for head in ("crf", "softmax"):
        yield f"tagger, {head}", _case(ODD_TEXTS, (tagged(SENTENCES),), tagger, head)
    in_documents = tagged(SENTENCES, [(1, 2), (2, 1), (1, 1), (2, 2)])
    yield (
        "tagger of documents",
        _case(ODD_TEXTS, (in_documents,), tagger, context="document", elsewhere=True),
    )
    every_option = {"layer_norm": True, "zoneout": 0.1, "remember": "chrono:9"}
    for level, options in (("character", every_option), ("word", {})):
        make, data = language_modelling.predictor_of, (_DOCUMENTS,)
        yield (
            f"language model of {level}s",
            _case(_STORIES, data, make, level, cell_options=options),
        )
    for kind in ("ranked", "parts"):
        make = music_pieces.predictor_of
        yield f"music, {kind}", _case(_CHORDS, (_pieces(kind),), make, kind)
    for level, kind in (("subword", "multiplicative"), ("word", "additive")):
        data, make = (translation_pairs.pairs(6),), translation_pairs.predictor_of
        yield f"translator of {level}s", _case(PAIRS, data, make, level, attention=kind)
    for head, options in (
        ("ctc", {}),
        ("ctc of a stream", {"bidirectional": False, "subsampling": 2}),
        ("attention", {"subsampling": 2}),
    ):
        data, make = (spoken_words.utterances(6),), spoken_words.predictor_of
        yield f"speech, {head}", _case(_SPOKEN, data, make, head.split()[0], **options)


CASES = dict(_cases())
OF_TEXTS = tuple(name for name in CASES if isinstance(CASES[name].inputs[0], str))
# One of each kind, where each costs seconds.
FIRST_OF_EACH = (
    *("classifier of 3", "tagger, crf", "language model of words", "music, parts"),
    *("translator of words", "DNA of 3", "video of 3", "speech, ctc of a stream"),
)


def each(names=CASES):
    """A test of each case; in a quick run, of one of each kind."""
    mark = lambda name: () if name in FIRST_OF_EACH else pytest.mark.more  # noqa: E731
    return pytest.mark.parametrize("name", [pytest.param(n, marks=mark(n)) for n in names])


@functools.cache
def made(name):
    """A predictor that no test changes."""
    return CASES[name].make()


def answers(name, predictor):
    """What the model says of its inputs, and what a language model writes."""
    found = predictor.predict(CASES[name].inputs)
    if name.startswith("language"):
        found += predictor.generate(["The king", ""], length=8, seed=3, top_k=5)
    return found


def assert_alike(found, expected, tolerance=1e-5):
    """Nests of the same texts and whole numbers, and the same numbers but for rounding."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = found.values(), expected.values()
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert_alike(found.tolist(), expected.tolist(), tolerance)
    elif isinstance(expected, str | bytes | int | None):
        assert found == expected
    else:
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other, tolerance)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = {name: answers(name, zoo.load(folder / name)) for name in FIRST_OF_EACH}
    (folder / "answers.json").write_text(json.dumps(found))
