"""The benchmark of tagging runs, and its candidates are one network; how fast, no test can say."""

import numpy as np
import pytest
from support import chains
from support.benchmarking import (
    HAS_TORCH,
    SENTENCES,
    against,
    assert_measured,
    lstm_weights,
    randomize,
    torch_lstm,
)

import zoo
from benchmarks import keras_tagger, tagging
from tasks.ner import NamedEntities

needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")


@pytest.fixture
def settings(monkeypatch):
    return SENTENCES.patch(monkeypatch)("softmax")


def tagger_of(settings):
    """The zoo's tagger, and ids with padding."""
    train = SENTENCES.data.train
    tagger = NamedEntities().build(SENTENCES.data, settings)
    randomize(tagger.model)
    batches = tagger.batches(train, batch_size=len(train))
    ((ids, tags, counted),) = batches.dataset().as_numpy_iterator()
    return tagger, ids, tags, counted.astype(bool)


def directions(model):
    """The cells of both directions, of the characters and of the words."""
    stacks = model.get_layer("character_features").stack, model.get_layer("recurrence")
    return [[layer.cell for layer in stack.recurrences[0].directions()] for stack in stacks]


def torch_weights(model):
    """The zoo's weights as PyTorch names them."""
    import torch

    names = ("words.weight", "characters.weight", "shapes.weight")
    weights = dict(zip(names, embeddings(model), strict=True))
    for lstm, cells in zip(("character_lstm", "lstm"), directions(model), strict=True):
        for cell, suffix in zip(cells, ("", "_reverse"), strict=True):
            weights |= torch_lstm(cell, f"{lstm}.{{}}_l0{suffix}")
    kernel, weights["logits.bias"] = model.get_layer("logits").get_weights()
    weights["logits.weight"] = kernel.T
    return {name: torch.tensor(array) for name, array in weights.items()}


def test_reports_each_candidate_and_phase(settings, monkeypatch):
    names = SENTENCES.names()
    monkeypatch.setattr(tagging, "CANDIDATES", dict.fromkeys(tagging.CANDIDATES, SENTENCES.idle))
    reported = SENTENCES.report("--rounds", "1", "--limit", "8")
    assert reported["train_sentences"] == reported["tag_sentences"] == 8
    assert 8 < reported["train_tokens"] < sum(range(1, 13))
    assert reported["parameters"].keys() == set(names)
    assert [row.pop("phase") for row in reported["rows"]] == ["train", "tag"]
    expected = {f"{name}_sentences_per_second" for name in names}
    expected |= against("zoo_crf", names) | against("zoo_softmax", names)
    for row in reported["rows"]:
        assert_measured(row, expected)


def embeddings(model):
    """Vectors of words, characters and shapes."""
    layers = map(model.get_layer, ("embedding", "character_features", "shape_embedding"))
    return [getattr(layer, "embedding", layer).embeddings.numpy() for layer in layers]


def set_keras_weights(network, model):
    """Gives the network of Keras the weights of the zoo's."""
    layers = {type(layer).__name__: layer for layer in network.layers}
    embedding_of = {getattr(layer, "input_dim", None): layer for layer in network.layers}
    words, characters, shapes = embeddings(model)
    of_characters, of_words = (
        [w for cell in cells for w in lstm_weights(cell)] for cells in directions(model)
    )
    embedding_of[len(words)].set_weights([words])
    embedding_of[len(shapes)].set_weights([shapes])
    layers["WordReader"].embedding.set_weights([characters])
    layers["WordReader"].lstm.set_weights(of_characters)
    layers["Bidirectional"].set_weights(of_words)
    layers["Dense"].set_weights(model.get_layer("logits").get_weights())


def test_zoo_and_keras_are_the_same_network(settings):
    tagger, ids, _, counted = tagger_of(settings)
    network = keras_tagger.network(tagging.sizes_of(tagger, settings))
    set_keras_weights(network, tagger.model)
    ours, theirs = tagger.model(ids), network(ids)
    np.testing.assert_allclose(ours[counted], theirs[counted], rtol=1e-4, atol=1e-5)


@needs_torch
def test_zoo_and_pytorch_are_the_same_network(settings):
    import torch

    from benchmarks.torch_tagger import Tagger

    tagger, ids, tags, counted = tagger_of(settings)
    network = Tagger(tagging.sizes_of(tagger, settings), "softmax").eval()
    network.load_state_dict(torch_weights(tagger.model))
    inputs = {name: torch.tensor(array).long() for name, array in ids.items()}
    ours, theirs = tagger.model(ids).numpy(), network(inputs)[0].detach().numpy()
    np.testing.assert_allclose(ours[counted], theirs[counted], rtol=1e-4, atol=1e-5)
    loss = zoo.training.SequenceCrossentropy()(tags, ours, sample_weight=counted)
    their_loss = network.loss(inputs, torch.tensor(tags).long())
    assert their_loss.item() == pytest.approx(float(loss), rel=1e-4)


@needs_torch
def test_the_crf_of_pytorch_is_a_linear_chain():
    import torch

    from benchmarks.torch_tagger import CRF

    batch, weights = 50, chains.weights()
    lengths = np.resize(chains.LENGTHS, batch)
    mask = torch.tensor(np.arange(chains.TIMESTEPS) < lengths[:, None])
    crf = CRF(chains.TAGS).double()
    names = ("start", "transitions", "end")
    crf.load_state_dict(dict(zip(names, map(torch.tensor, weights), strict=True)))
    logits, tags = chains.logits(batch), chains.targets(batch)
    every = chains.enumerations(logits, lengths)
    rows = list(zip(every, tags, lengths, strict=True))
    loss = -np.mean([one.log_probability(row[:length]) for one, row, length in rows])
    logits = torch.tensor(logits)
    assert crf.loss(logits, torch.tensor(tags), mask).item() == pytest.approx(loss)
    for one, found, length in zip(every, crf.decode(logits, mask), lengths, strict=True):
        np.testing.assert_array_equal(found[:length], one.best()[0])


def test_all_candidates_do_the_same_work_and_learn_it(monkeypatch):
    learnable = {"learning_rate": 0.05, "dropout": 0.0, "word_dropout": 0.0}
    case = SENTENCES._replace(sizes=SENTENCES.sizes | learnable)
    case.patch(monkeypatch)
    split = case.data.train
    candidates = tagging.build(case.data, split)
    tagging.require_same_work(candidates, split)
    for name, candidate in candidates.items():
        for _ in range(20):
            candidate.train()
        assert candidate.tag(split) == split.tags, name
