"""The benchmark of tagging runs, and its candidates are one network; how fast, no test can say."""

import importlib.util
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from support import chains

import zoo
from benchmarks import keras_tagger, tagging
from tasks.ner import NamedEntities
from zoo.application.task import Settings
from zoo.datasets.sequence_tagging import SequenceTaggingData, TaggedSentences

TAGS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
SMALL = {"units": 4, "embedding_dim": 3, "character_units": 2, "batch_size": 4}
HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")


@pytest.fixture
def data(monkeypatch):
    """Twelve sentences of 1 to 12 tokens in place of the packaged corpus."""
    tokens = [[["Ann", "saw", "Bonn", "1984"][i % 4] for i in range(n)] for n in range(1, 13)]
    tags = [[["B-PER", "O", "B-LOC", "O"][i % 4] for i in range(n)] for n in range(1, 13)]
    split = TaggedSentences(tokens, tags)
    data = SequenceTaggingData("tiny", split, split, split, tag_names=TAGS)
    monkeypatch.setattr(zoo.datasets.sequence_tagging, "load", lambda name: data)
    return data


@pytest.fixture
def small(monkeypatch):
    """The defaults of the task, but a small network, and one thread.

    The threads of PyTorch busy-wait for each other, for minutes where other tests run.
    """
    full = tagging.task_settings

    def settings(head):
        return Settings(full(head).values | SMALL)

    monkeypatch.setattr(tagging, "task_settings", settings)
    monkeypatch.setattr(tagging, "THREADS", 1)
    return settings


def run(*arguments):
    result = CliRunner().invoke(tagging.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def tagger_of(data, settings):
    """The zoo's tagger with weights that are not 0 anywhere, and ids with padding."""
    tagger = NamedEntities().build(data, settings)
    generator = np.random.default_rng(0)
    for variable in tagger.model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape) / 2)
    batches = tagger.batches(data.train, batch_size=len(data.train))
    ((ids, tags, counted),) = batches.dataset().as_numpy_iterator()
    return tagger, ids, tags, counted.astype(bool)


def lstm_weights(both, gates=("update", "forget", "candidate", "output")):
    """Weights of the two directions, their gates in the order of Keras and PyTorch."""
    for layer in (both.forward_layer, both.backward_layer):
        order = np.concatenate([np.r_[layer.cell.columns(gate)] for gate in gates])
        yield [weight.numpy()[..., order] for weight in layer.cell.trainable_variables]


def lstms(model):
    """Of the characters, and of the words."""
    stacks = model.get_layer("character_features").stack, model.get_layer("recurrence")
    return [list(lstm_weights(stack.recurrences[0])) for stack in stacks]


def embeddings(model):
    """Vectors of words, characters and shapes."""
    layers = map(model.get_layer, ("embedding", "character_features", "shape_embedding"))
    return [getattr(layer, "embedding", layer).embeddings.numpy() for layer in layers]


def set_keras_weights(network, model):
    """Gives the network of Keras the weights of the zoo's."""
    layers = {type(layer).__name__: layer for layer in network.layers}
    embedding_of = {getattr(layer, "input_dim", None): layer for layer in network.layers}
    words, characters, shapes = embeddings(model)
    of_characters, of_words = ([*there, *back] for there, back in lstms(model))
    embedding_of[len(words)].set_weights([words])
    embedding_of[len(shapes)].set_weights([shapes])
    layers["WordReader"].embedding.set_weights([characters])
    layers["WordReader"].lstm.set_weights(of_characters)
    layers["Bidirectional"].set_weights(of_words)
    layers["Dense"].set_weights(model.get_layer("logits").get_weights())


def torch_weights(model):
    """The zoo's weights as PyTorch names them; its second biases are 0."""
    import torch

    names = ("words.weight", "characters.weight", "shapes.weight")
    weights = dict(zip(names, embeddings(model), strict=True))
    for lstm, directions in zip(("character_lstm", "lstm"), lstms(model), strict=True):
        for suffix, (kernel, recurrent, bias) in zip(("", "_reverse"), directions, strict=True):
            weights[f"{lstm}.weight_ih_l0{suffix}"] = kernel.T
            weights[f"{lstm}.weight_hh_l0{suffix}"] = recurrent.T
            weights[f"{lstm}.bias_ih_l0{suffix}"] = bias
            weights[f"{lstm}.bias_hh_l0{suffix}"] = np.zeros_like(bias)
    kernel, weights["logits.bias"] = model.get_layer("logits").get_weights()
    weights["logits.weight"] = kernel.T
    return {name: torch.tensor(array) for name, array in weights.items()}


def idle(tagger, sentences, settings):
    """A candidate that does nothing, with great ease."""

    def tag(sentences):
        return [["O"] * len(tokens) for tokens in sentences.tokens]

    batches = tagging.batches_of(tagger, sentences, settings)
    parameters = tagger.model.count_params()
    return tagging.Candidate(
        parameters, lambda: tagging.trained_on(batches), train=lambda: None, tag=tag
    )


def test_reports_each_candidate_and_phase(data, small, monkeypatch):
    names = [name for name in tagging.CANDIDATES if HAS_TORCH or not name.startswith("torch")]
    monkeypatch.setattr(tagging, "CANDIDATES", dict.fromkeys(tagging.CANDIDATES, idle))
    reported = json.loads(run("--rounds", "1", "--limit", "8", "--json").stdout.splitlines()[-1])
    assert reported["train_sentences"] == reported["tag_sentences"] == 8
    assert 8 < reported["train_tokens"] < sum(range(1, 13))
    assert reported["parameters"].keys() == set(names)
    assert [row.pop("phase") for row in reported["rows"]] == ["train", "tag"]
    expected = {f"{name}_sentences_per_second" for name in names}
    for zoo_name in ("zoo_crf", "zoo_softmax"):
        expected |= {f"{zoo_name}/{name}" for name in names if name != zoo_name}
    for row in reported["rows"]:
        assert row.keys() == expected
        assert all(math.isfinite(figure) and figure > 0 for figure in row.values())


def test_says_that_pytorch_is_missing(data, small, monkeypatch):
    def fails(*arguments):
        raise AssertionError("built without PyTorch")

    candidates = {"zoo_crf": idle, "zoo_softmax": idle, "torch_softmax": fails}
    monkeypatch.setattr(tagging, "CANDIDATES", candidates)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    assert "PyTorch is not installed" in run("--rounds", "1").output


def larger(candidate):
    return candidate._replace(parameters=candidate.parameters + 1)


def of_other_batches(candidate):
    return candidate._replace(batches=lambda: reversed(list(candidate.batches())))


def of_fewer_batches(candidate):
    return candidate._replace(batches=lambda: list(candidate.batches())[:-1])


def sparing_of_tags(candidate):
    def tag(sentences):
        return [tags[1:] for tags in candidate.tag(sentences)]

    return candidate._replace(tag=tag)


@pytest.mark.parametrize(
    ("other", "error"),
    [
        (larger, "weights"),
        (of_other_batches, "keras_softmax"),
        (of_fewer_batches, "longer"),
        (sparing_of_tags, "tags"),
    ],
)
def test_who_does_other_work_is_no_candidate(data, small, monkeypatch, other, error):
    def peer(*arguments):
        return other(idle(*arguments))

    monkeypatch.setattr(tagging, "CANDIDATES", {"zoo_softmax": idle, "keras_softmax": peer})
    with pytest.raises((AssertionError, ValueError), match=error):
        run("--rounds", "1")


def test_zoo_and_keras_are_the_same_network(data, small):
    settings = small("softmax")
    tagger, ids, _, counted = tagger_of(data, settings)
    network = keras_tagger.network(tagging.sizes_of(tagger, settings))
    set_keras_weights(network, tagger.model)
    ours, theirs = tagger.model(ids), network(ids)
    np.testing.assert_allclose(ours[counted], theirs[counted], rtol=1e-4, atol=1e-5)


@needs_torch
def test_zoo_and_pytorch_are_the_same_network(data, small):
    import torch

    from benchmarks.torch_tagger import Tagger

    settings = small("softmax")
    tagger, ids, tags, counted = tagger_of(data, settings)
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


def test_all_candidates_do_the_same_work_and_learn_it(data, small, monkeypatch):
    for option, value in {"learning_rate": 0.05, "dropout": 0.0, "word_dropout": 0.0}.items():
        monkeypatch.setitem(SMALL, option, value)
    candidates = tagging.build(data, data.train)
    tagging.require_same_work(candidates, data.test)
    for name, candidate in candidates.items():
        for _ in range(20):
            candidate.train()
        assert candidate.tag(data.test) == data.test.tags, name


def test_an_unknown_dataset_is_one_line(monkeypatch):
    def unknown(name):
        raise zoo.errors.UserError(f"there is no dataset '{name}'")

    monkeypatch.setattr(zoo.datasets.sequence_tagging, "load", unknown)
    result = CliRunner().invoke(tagging.main, ["--dataset", "nothing"])
    assert result.exit_code == 2
    assert "there is no dataset 'nothing'" in result.output
