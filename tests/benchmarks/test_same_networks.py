"""The candidates of a benchmark are one network, whichever library they are written with."""

import itertools

import keras
import numpy as np
import pytest
from support import chains
from support.benchmarking import FRAMES, LETTERS, PAIRS, SENTENCES, TEXT, TORCH
from support.sequences import randomize

from benchmarks import (
    keras_language_model,
    keras_speech,
    keras_tagger,
    language_model,
    sentiment,
    speech,
    tagging,
)
from benchmarks.classification import TASKS, lstm_weights
from tasks.language_model import LanguageModelling
from tasks.ner import NamedEntities
from tasks.translation import Translation
from zoo.networks import Frames, transcriber

pytestmark = pytest.mark.more

needs_torch = pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")


def assert_same(found, expected, counted):
    np.testing.assert_allclose(found[counted], expected[counted], rtol=1e-4, atol=1e-5)


def load_torch(network, arrays, cells):
    """Gives a PyTorch network its weights; `cells` by the names of weights, as in "lstm.{}_l0"."""
    import torch

    for name, cell in cells.items():
        kernel, recurrent, bias = lstm_weights(cell)
        arrays |= {name.format("weight_ih"): kernel.T, name.format("weight_hh"): recurrent.T}
        arrays |= {name.format("bias_ih"): bias, name.format("bias_hh"): np.zeros_like(bias)}
    network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
    return network.eval()


def test_sentiment():
    ours, theirs = sentiment.zoo_network(30), sentiment.keras_network(30)
    randomize(ours, scale=0.1)
    embedding, *_, kernel, bias = ours.get_weights()
    cells = [layer.cell for layer in ours.get_layer("recurrence").directions()]
    of_lstms = itertools.chain(*map(lstm_weights, cells))
    theirs.set_weights([embedding, *of_lstms, kernel, bias])
    ids = np.random.default_rng(0).integers(1, 30, size=(4, 9)).astype("int32")
    np.testing.assert_allclose(ours(ids), theirs(ids), rtol=1e-4, atol=1e-5)


def test_speech():
    settings = speech.task_settings()
    settings.units, settings.layers, settings.dropout = 4, 2, 0.0
    ours = transcriber(Frames(13), 7, units=4, layers=2)
    theirs = keras_speech.network(13, 7, settings)
    randomize(ours, scale=0.3)
    cells = [layer.cell for layer in ours.get_layer("recurrence").directions()]
    of_lstms = [*itertools.chain(*map(lstm_weights, cells))]
    theirs.set_weights([*of_lstms, *ours.get_layer("logits").get_weights()])
    draw = np.random.default_rng(0)
    mask = np.int32(np.arange(9) < np.array([9, 5, 1])[:, None])
    inputs = {"features": draw.normal(size=(3, 9, 13)).astype("float32"), "mask": mask}
    assert_same(np.array(theirs(inputs)), np.array(ours(inputs)), mask > 0)
    if TORCH:
        import torch

        from benchmarks import torch_speech

        network = torch_speech.Recognizer(13, 7, settings)
        places = [f"{layer}{way}" for layer in range(2) for way in ("", "_reverse")]
        named = {f"lstm.{{}}_l{place}": cell for place, cell in zip(places, cells, strict=True)}
        kernel, bias = ours.get_layer("logits").get_weights()
        load_torch(network, {"logits.weight": kernel.T, "logits.bias": bias}, named)
        found = network(torch.tensor(inputs["features"]), torch.tensor(mask.sum(axis=1)))
        assert_same(found.detach().numpy(), np.array(ours(inputs)), mask > 0)


def language_model_weights(model):
    """Vectors, the kernel and bias of the logits (the vectors transposed if tied), and cells."""
    embedding, *bias = model.get_layer("embedding").get_weights()
    kernel, bias = (embedding.T, *bias) if bias else model.get_layer("logits").get_weights()
    cells = [recurrence.cell for recurrence in model.get_layer("recurrence").recurrences]
    return embedding, kernel, bias, cells


def keras_steps(predictor, settings):
    sizes = language_model.sizes_of(predictor, settings)
    network = keras_language_model.network(sizes, settings.batch_size)
    embedding, kernel, bias, cells = language_model_weights(predictor.model)
    lstms = map(lstm_weights, cells)
    for layer in network.layers:
        match layer:
            case keras.layers.LSTM():
                for variable, weight in zip(layer.trainable_variables, next(lstms), strict=True):
                    variable.assign(weight)
            case keras.layers.Dense():
                layer.set_weights([kernel, bias])
            case keras.layers.Embedding():
                layer.set_weights([embedding, bias][: len(layer.weights)])
    network(np.ones((4, 5)))  # leaves states behind
    new_epoch = keras_language_model.ResetStates()
    new_epoch.set_model(network)
    new_epoch.on_epoch_begin(1)
    return lambda token_ids: network(token_ids).numpy()


def torch_steps(predictor, settings):
    import torch

    from benchmarks.torch_language_model import LanguageModel

    network = LanguageModel(language_model.sizes_of(predictor, settings))
    embedding, kernel, bias, cells = language_model_weights(predictor.model)
    weights = {"embedding.weight": embedding, "logits.weight": kernel.T, "logits.bias": bias}
    load_torch(network, weights, {f"lstm.{{}}_l{i}": cell for i, cell in enumerate(cells)})
    states = [None]

    def step(token_ids):
        logits, states[0] = network(torch.tensor(token_ids), states[0])
        return logits.detach().numpy()

    return step


@pytest.mark.parametrize("level", ["character", "word"])  # a word's vectors are tied
@pytest.mark.parametrize("steps_of", [keras_steps, pytest.param(torch_steps, marks=needs_torch)])
def test_language_model(steps_of, level, monkeypatch):
    """Piece by piece of a stream, the states carried."""
    settings = TEXT.patch(monkeypatch)(level)
    predictor = LanguageModelling().build(TEXT.data, settings)
    randomize(predictor.model)
    ids = np.resize(predictor.tokenizer.stream(TEXT.data.train.texts), 33)
    batches = language_model.batches_of(predictor, ids, settings)
    model = predictor.compile("sgd", batches.batch_size)
    expected = [(model(inputs).numpy(), w.numpy() > 0) for inputs, _, w in batches.dataset()]
    assert len(expected) > 1  # or no state is carried
    step = steps_of(predictor, settings)
    for (token_ids, _), of_zoo in zip(language_model.pieces_of(batches), expected, strict=True):
        assert_same(step(token_ids), *of_zoo)


def keras_tags(sizes, ids, model):
    layer = model.get_layer
    reader = layer("character_features")
    tables = layer("embedding"), reader.embedding, layer("shape_embedding")
    vectors = [table.embeddings.numpy() for table in tables]
    stacks = reader.stack, layer("recurrence")
    cells = [[one.cell for one in stack.directions()] for stack in stacks]
    logits = layer("logits").get_weights()
    network = keras_tagger.network(sizes)
    layers = {type(layer).__name__: layer for layer in network.layers}
    embedding_of = {getattr(layer, "input_dim", None): layer for layer in network.layers}
    words, characters, shapes = vectors
    of_characters, of_words = ([w for cell in two for w in lstm_weights(cell)] for two in cells)
    embedding_of[len(words)].set_weights([words])
    embedding_of[len(shapes)].set_weights([shapes])
    layers["WordReader"].embedding.set_weights([characters])
    layers["WordReader"].lstm.set_weights(of_characters)
    layers["Bidirectional"].set_weights(of_words)
    layers["Dense"].set_weights(logits)
    return network(ids).numpy()


def torch_tags(sizes, ids, model):
    import torch

    from benchmarks.torch_tagger import Tagger

    network = Tagger(sizes, "softmax").eval()
    network.set_zoo_weights(model)
    inputs = {name: torch.tensor(array).long() for name, array in ids.items()}
    return network(inputs)[0].detach().numpy()


@pytest.mark.parametrize(
    ("tags_of", "options"),
    [
        (keras_tags, {}),
        pytest.param(torch_tags, {}, marks=needs_torch),
        pytest.param(torch_tags, {"elsewhere": True}, marks=needs_torch),
    ],
)
def test_tagger(tags_of, options, monkeypatch):
    settings = SENTENCES.patch(monkeypatch)("softmax", **options)
    tagger = NamedEntities().build(SENTENCES.data, settings)
    randomize(tagger.model)
    batches = tagger.batches(SENTENCES.data.train, batch_size=len(SENTENCES.data.train))
    ((ids, _, counted),) = batches.dataset().as_numpy_iterator()
    found = tags_of(tagging.sizes_of(tagger, settings), ids, tagger.model)
    assert_same(found, tagger.model(ids).numpy(), counted > 0)


@needs_torch
def test_pytorch_finds_the_same_tags_where_it_reads_each_token_once(monkeypatch):
    settings, data = SENTENCES.patch(monkeypatch)("softmax"), SENTENCES.data
    tagger = NamedEntities().build(data, settings)
    plain, once = (
        tagging.torch_candidate(tagger, data.train, settings, once=once).tag(data.test)
        for once in (False, True)
    )
    assert plain == once
    assert len({tag for tags in plain for tag in tags}) > 1


@needs_torch
def test_the_crf_of_pytorch_is_a_linear_chain():
    import torch

    from benchmarks.torch_tagger import CRF

    crf = CRF(chains.TAGS).double()
    names = ("start", "transitions", "end")
    crf.load_state_dict(dict(zip(names, map(torch.tensor, chains.weights()), strict=True)))
    logits, tags = torch.tensor(chains.logits()), chains.targets()
    rows = list(zip(chains.enumerations(chains.logits()), tags, chains.LENGTHS, strict=True))
    loss = -np.mean([one.log_probability(row[:length]) for one, row, length in rows])
    mask = torch.tensor(chains.MASK)
    assert crf.loss(logits, torch.tensor(tags), mask).item() == pytest.approx(loss)
    for (one, _, length), found in zip(rows, crf.decode(logits, mask), strict=True):
        np.testing.assert_array_equal(found[:length], one.best()[0])


def test_translator(monkeypatch):
    """Of all that are installed; the benchmark compares their logits and translations itself."""
    settings = PAIRS.patch(monkeypatch)()
    predictor = Translation().build(PAIRS.data, settings)
    randomize(predictor.model, scale=1.5)  # no choice between two tokens is a matter of rounding
    candidates = PAIRS.module.build(predictor, PAIRS.data.train, settings)
    PAIRS.module.require_same_work(candidates, list(PAIRS.data.train.sources))


@pytest.mark.parametrize("case", [LETTERS, FRAMES], ids=lambda case: case.corpus)
def test_classifiers(case, monkeypatch):
    """Of all that are installed; the benchmark compares their probabilities itself."""
    settings = case.patch(monkeypatch)(case.corpus)
    predictor = TASKS[case.corpus].build(case.data, settings)
    randomize(predictor.model)
    train = case.data.train
    candidates = case.module.build(case.corpus, predictor, train, settings)
    case.module.require_same_work(candidates, case.module.sequences_of(train))
