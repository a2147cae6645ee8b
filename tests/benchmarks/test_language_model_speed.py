"""The benchmark of language models runs, and its candidates are one network that learns alike."""

import math
import types

import keras
import numpy as np
import pytest
from support.benchmarking import (
    HAS_TORCH,
    TEXT,
    against,
    assert_measured,
    lstm_weights,
    randomize,
    torch_lstm,
)

from benchmarks import keras_language_model, language_model, long_text
from tasks.language_model import LanguageModelling

LEVELS = ("character", "word")  # the tokens of the second have tied vectors
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")


@pytest.fixture
def small(monkeypatch):
    return TEXT.patch(monkeypatch)


def predictor_of(settings):
    """The zoo's predictor, and a stream of 33 tokens."""
    predictor = LanguageModelling().build(TEXT.data, settings)
    randomize(predictor.model)
    return predictor, np.resize(predictor.tokenizer.stream(TEXT.data.train.texts), 33)


def cells(model):
    return [recurrence.cell for recurrence in model.get_layer("recurrence").recurrences]


def vectors_and_head(model):
    """The token vectors, and the kernel and bias of the logits, transposed vectors if tied."""
    embedding, *bias = model.get_layer("embedding").get_weights()
    if bias:
        return embedding, embedding.T, *bias
    return embedding, *model.get_layer("logits").get_weights()


def set_keras_weights(network, model):
    """Gives the network of Keras the weights of the zoo's."""
    embedding, kernel, bias = vectors_and_head(model)
    lstms = map(lstm_weights, cells(model))
    for layer in network.layers:
        match layer:
            case keras.layers.LSTM():
                for variable, weight in zip(layer.trainable_variables, next(lstms), strict=True):
                    variable.assign(weight)
            case keras.layers.Dense():
                layer.set_weights([kernel, bias])
            case keras.layers.Embedding():
                layer.set_weights([embedding, bias][: len(layer.weights)])


def set_torch_weights(network, model):
    """Gives the network of PyTorch the weights of the zoo's."""
    import torch

    embedding, kernel, bias = vectors_and_head(model)
    weights = {"embedding.weight": embedding, "logits.weight": kernel.T, "logits.bias": bias}
    for i, cell in enumerate(cells(model)):
        weights |= torch_lstm(cell, f"lstm.{{}}_l{i}")
    network.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})


def logits_of(predictor, batches):
    """The zoo's logits of the pieces of a stream, its state carried; which steps count."""
    model = predictor.compile("sgd", batches.batch_size)
    pieces = list(batches.dataset())
    logits = [model(inputs).numpy() for inputs, _, _ in pieces]
    return logits, [weights.numpy().astype(bool) for _, _, weights in pieces]


def assert_same(logits, expected, counted):
    assert len(expected) > 1  # or no state is carried
    for found, ours, steps in zip(logits, expected, counted, strict=True):
        np.testing.assert_allclose(found[steps], ours[steps], rtol=1e-4, atol=1e-5)


def test_reports_each_candidate_and_phase(small, monkeypatch):
    names = TEXT.names()
    monkeypatch.setattr(language_model, "CANDIDATES", dict.fromkeys(names, TEXT.idle))
    arguments = ("--rounds", "1", "--limit", "9", "--length", "2", "--level", "word")
    reported = TEXT.report(*arguments)
    assert reported["level"] == "word"
    assert reported["train_tokens"] == 9
    assert reported["parameters"].keys() == set(names)
    assert [row.pop("phase") for row in reported["rows"]] == ["train", "write 1", "write 3"]
    for row in reported["rows"]:
        assert_measured(row, {f"{n}_tokens_per_second" for n in names} | against("zoo", names))
    assert_measured(reported["second_half/first_half"], ("state carried", "all read again"))


@pytest.mark.parametrize("level", LEVELS)
def test_zoo_and_keras_are_the_same_network(small, level):
    settings = small(level)
    predictor, ids = predictor_of(settings)
    batches = language_model.batches_of(predictor, ids, settings)
    sizes = language_model.sizes_of(predictor, settings)
    network = keras_language_model.network(sizes, settings.batch_size)
    set_keras_weights(network, predictor.model)
    network(np.ones((4, 5)))  # leaves states behind
    new_epoch = keras_language_model.ResetStates()
    new_epoch.set_model(network)
    new_epoch.on_epoch_begin(1)
    logits = [network(token_ids).numpy() for token_ids, _ in language_model.pieces_of(batches)]
    assert_same(logits, *logits_of(predictor, batches))


@needs_torch
@pytest.mark.parametrize("level", LEVELS)
def test_zoo_and_pytorch_are_the_same_network(small, level):
    import torch

    from benchmarks.torch_language_model import LanguageModel

    settings = small(level)
    predictor, ids = predictor_of(settings)
    batches = language_model.batches_of(predictor, ids, settings)
    network = LanguageModel(language_model.sizes_of(predictor, settings)).eval()
    set_torch_weights(network, predictor.model)
    logits, state = [], None
    for token_ids, _ in language_model.pieces_of(batches):
        found, state = network(torch.tensor(token_ids), state)
        logits.append(found.detach().numpy())
    assert_same(logits, *logits_of(predictor, batches))


@needs_torch
def test_zoo_and_pytorch_train_alike(small):
    import torch

    from benchmarks import torch_language_model

    settings = small("character", dropout=0.0)
    predictor, ids = predictor_of(settings)
    batches = language_model.batches_of(predictor, ids, settings)
    network = torch_language_model.LanguageModel(language_model.sizes_of(predictor, settings))
    set_torch_weights(network, predictor.model)
    for name, weight in network.named_parameters():
        weight.requires_grad_("bias_hh" not in name)  # or biases would learn twice as fast
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    pieces = [
        [torch.tensor(a).long() for a in piece] for piece in language_model.pieces_of(batches)
    ]
    torch_language_model.train(network, optimizer, pieces, clip_norm=math.inf)
    model = predictor.compile(keras.optimizers.SGD(0.5), settings.batch_size)
    before = predictor.model.get_layer("logits").get_weights()[0]
    model.fit(batches.dataset(), shuffle=False, verbose=0)
    kernel = predictor.model.get_layer("logits").get_weights()[0]
    theirs = network.logits.weight.detach().numpy().T
    np.testing.assert_allclose(theirs - before, kernel - before, rtol=1e-3, atol=1e-5)


def test_all_candidates_do_the_same_work_and_learn_it(small, monkeypatch):
    reset, resets = keras_language_model.reset, []

    def counted(model):
        resets.append(model)
        reset(model)

    settings = small("character", learning_rate=0.05, dropout=0.0, timesteps=20)
    predictor = LanguageModelling().build(TEXT.data, settings)
    ids = np.resize(predictor.tokenizer.ragged(["n"]).flat_values, 399)
    candidates = language_model.build(predictor, ids, settings)
    language_model.require_same_work(candidates, length=3)
    monkeypatch.setattr(keras_language_model, "reset", counted)
    epochs = 8
    for name, candidate in candidates.items():
        for _ in range(epochs):
            candidate.train()
        assert len(resets) == (0 if name == "zoo" else epochs)
    for name, candidate in candidates.items():
        for written in candidate.write(3, 16):
            assert written["text"].count("n") > 12, name


class Clocked:
    """A predictor to which writing the n-th piece takes n seconds, and reading n tokens too."""

    def __init__(self):
        self.now = 0
        self.sequences = types.SimpleNamespace(next_logits=lambda last, states: (np.zeros(1), None))

    def perf_counter(self):
        return self.now

    def stream(self, *, length, past_end):
        assert past_end  # or a text might have but one half
        self.now += 100
        yield ""
        for second in range(1, length + 1):
            self.now += second
            yield "."

    def read(self, ids):
        self.now += int(ids.row_lengths()[0])
        return None, None


def test_halves_of_a_text_are_timed(monkeypatch):
    clocked = Clocked()
    monkeypatch.setattr(long_text, "time", clocked)
    assert long_text.carrying_the_state(clocked, 4) == (1 + 2, 3 + 4)
    first, second = long_text.reading_again(clocked, np.ones(64, "int32"))
    assert first == sum(range(2, 32, 4))
    assert second == sum(range(34, 64, 4))
