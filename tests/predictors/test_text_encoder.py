"""Saved language models as an encoder: their words, their sizes, and what is none."""

import numpy as np
import pytest
from support import classifiers
from support.language_modelling import predictor_of
from support.refusals import refused

from zoo.networks import many_to_one
from zoo.predictors import presets
from zoo.predictors.text_encoder import TextEncoder
from zoo.text.special_tokens import UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Saves a language model of words with these options once; returns its folder as a string."""
    folder, known = tmp_path_factory.mktemp("language_models"), {}

    def save(level="word", **options):
        key = repr((level, options))
        if key not in known:
            known[key] = folder / str(len(known))
            presets.save(predictor_of(level, **options), known[key], {})
        return str(known[key])

    return save


def test_the_words_of_a_network_have_the_vectors_of_the_language_models(saved):
    encoder = TextEncoder.load([saved(backward=True), saved(seed=4)])  # in whatever order
    assert [model.backward for model in encoder.models] == [False, True]
    assert (encoder.lowercase, encoder.width) == (True, 10)  # two tables of 5
    assert encoder.recurrence == {"cell": "lstm", "units": 4, "layers": 1, "cell_options": {}}
    words = Vocabulary(["king", "zebra"])
    model = many_to_one(len(words), 2, embedding_dim=10, units=4)
    encoder.give(model, words)
    tables = [np.array(one.model.get_layer("embedding").embeddings) for one in encoder.models]
    (king,) = encoder.vocabulary.ids(["king"])
    found = np.array(model.get_layer("embedding").embeddings)
    for word, row in (("king", king), ("zebra", UNKNOWN_ID)):
        expected = np.concatenate([table[row] for table in tables])
        np.testing.assert_array_equal(found[words.tokens.index(word)], expected)


def test_models_that_are_no_encoder(saved, tmp_path):
    presets.save(classifiers.balanced(classifiers.LABELS[:2]), tmp_path / "classifier", {})
    other = predictor_of("word", backward=True)
    tokens = [*other.tokenizer.vocabulary.tokens[3:-1], "zebra"]
    other.tokenizer.vocabulary = Vocabulary(tokens)
    presets.save(other, tmp_path / "other", {})
    for names, message in (
        ([tmp_path / "classifier"], "no language model"),
        ([saved("character")], "reads characters, not words"),
        ([saved(embedding_dim=None)], "no token vectors"),
        ([saved(residual=True)], "residual"),
        ([saved(), saved(seed=4)], "two models read forward"),
        ([saved(), saved(backward=True, units=3)], "have 4 and 3 as units"),
        ([saved(), tmp_path / "other"], "know other tokens: train the second with `--encoder"),
    ):
        refused(message, TextEncoder.load, [str(name) for name in names])
