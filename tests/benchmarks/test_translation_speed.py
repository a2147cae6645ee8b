"""The benchmark of translation runs, and its candidates are one network that learns alike."""

import functools
import importlib.util
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.translation_pairs import pairs

import zoo
from benchmarks import keras_translator, translation, zoo_translator
from tasks.translation import Translation
from zoo.application.task import Settings
from zoo.datasets.parallel_text import ParallelData
from zoo.text.special_tokens import END_ID, PADDING_ID

# A network whose sizes all differ, and few batches.
SMALL = {"units": 6, "embedding_dim": 5, "batch_size": 8, "vocabulary_size": 40}
TEXTS = ["the cat sees the old dog.", "the dog", "old old old cat hears."]
KINDS = (
    {"attention": "multiplicative"},  # one table of vectors, tied by a projection
    {"attention": "additive", "share_embeddings": False, "tie_embeddings": False},
    {"attention": "additive", "embedding_dim": 6, "share_embeddings": False},  # no projection
)
HAS_TORCH = importlib.util.find_spec("torch") is not None
PEERS = ("keras", "torch") if HAS_TORCH else ("keras",)


@pytest.fixture
def data(monkeypatch):
    """Twenty pairs in place of the packaged corpus."""
    split = pairs().take(range(20))
    data = ParallelData("tiny", split, split, split)
    monkeypatch.setattr(zoo.datasets.parallel_text, "load", lambda name: data)
    return data


@pytest.fixture
def small(monkeypatch):
    """The defaults of the task, but a small network, short translations, and one thread.

    The threads of PyTorch busy-wait for each other, for minutes where other tests run.
    """
    full = translation.task_settings

    def settings(dataset="bible_en_fr", level=None, **others):
        return Settings(full(dataset, level).values | SMALL | others)

    monkeypatch.setattr(translation, "task_settings", settings)
    monkeypatch.setattr(translation, "THREADS", 1)
    return settings


def run(*arguments):
    result = CliRunner().invoke(translation.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def predictor_of(data, settings, seed=3, scale=0.7):
    """The zoo's predictor with weights that are not 0 anywhere, and great enough to matter."""
    predictor = Translation().build(data, settings)
    generator = np.random.default_rng(seed)
    for variable in predictor.model.trainable_variables:
        variable.assign(scale * generator.normal(size=variable.shape))
    return predictor


def sure_predictor(data, settings):
    """One whose choice between two tokens is in no sentence a matter of rounding."""
    return predictor_of(data, settings, seed=5, scale=1.5)


def margins(model, source_ids, written):
    """By how much the logit of each token that was written is above that of any other."""
    target_ids = np.pad(written, ((0, 0), (1, 0)), constant_values=END_ID)[:, :-1]
    logits = np.array(model({"source_ids": source_ids, "target_ids": target_ids}))
    chosen = np.take_along_axis(logits, written[..., None], axis=-1)
    np.put_along_axis(logits, written[..., None], -np.inf, axis=-1)
    return (chosen - logits.max(axis=-1, keepdims=True))[written != PADDING_ID]


@pytest.fixture
def ending(monkeypatch):
    """Lets some translations end by themselves, which none does when the benchmark runs."""
    make = zoo_translator.make_comparable

    def make_comparable(model):
        make(model)
        bias = model.get_layer("target_embedding").bias
        values = bias.numpy()
        values[END_ID] = 4
        bias.assign(values)

    monkeypatch.setattr(zoo_translator, "make_comparable", make_comparable)


def idle(predictor, split, settings):
    """A candidate that does nothing, with great ease."""
    batches = translation.batches_of(predictor, split, settings)

    def logits(source_ids, target_ids):
        return np.zeros((*target_ids.shape, 4))

    return translation.Candidate(
        predictor.model.count_params(),
        lambda: translation.trained_on(batches),
        logits,
        train=lambda: None,
        translate=lambda texts: [text.upper() for text in texts],
    )


def test_reports_each_candidate_and_phase(data, small, monkeypatch):
    names = [name for name in translation.CANDIDATES if HAS_TORCH or name != "torch"]
    monkeypatch.setattr(translation, "CANDIDATES", dict.fromkeys(translation.CANDIDATES, idle))
    arguments = ("--rounds", "1", "--limit", "6", "--json", "--level", "character")
    reported = json.loads(run(*arguments).stdout.splitlines()[-1])
    assert reported["level"] == "character"
    assert reported["train_pairs"] == reported["translated_sentences"] == 6
    chosen = zoo.datasets.corpus.limited(data.train, 6).targets
    assert reported["train_target_tokens"] == sum(len(text) + 1 for text in chosen)  # and <EOS>
    assert reported["parameters"].keys() == set(names)
    train, translate = reported["rows"]
    assert (train.pop("phase"), translate.pop("phase")) == ("train", "translate")
    assert train.keys() == {f"{name}_tokens_per_second" for name in names} | {
        f"zoo/{name}" for name in names if name != "zoo"
    }
    names.append("zoo_beams")
    assert translate.keys() == {f"{name}_sentences_per_second" for name in names} | {
        f"zoo/{name}" for name in names if name != "zoo"
    }
    for row in (train, translate):
        assert all(math.isfinite(figure) and figure > 0 for figure in row.values())


def test_says_once_that_pytorch_is_missing(data, small, monkeypatch):
    def fails(*arguments):
        raise AssertionError("built without PyTorch")

    monkeypatch.setattr(translation, "CANDIDATES", {"zoo": idle, "torch": fails})
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    monkeypatch.setattr(zoo_translator, "translate", lambda predictor, texts, beams: texts)
    output = run("--rounds", "1", "--limit", "4").output
    assert output.count("PyTorch is not installed") == 1


def larger(candidate):
    return candidate._replace(parameters=candidate.parameters + 1)


def of_other_batches(candidate):
    return candidate._replace(batches=lambda: reversed(list(candidate.batches())))


def of_fewer_batches(candidate):
    return candidate._replace(batches=lambda: list(candidate.batches())[:-1])


def of_unshifted_targets(candidate):
    def batches():
        return (batch | {"target_ids": batch["targets"]} for batch in candidate.batches())

    return candidate._replace(batches=batches)


def of_other_logits(candidate):
    return candidate._replace(logits=lambda *ids: candidate.logits(*ids) + 0.01)


def sparing_of_words(candidate):
    return candidate._replace(translate=lambda texts: [t[:-1] for t in candidate.translate(texts)])


@pytest.mark.parametrize(
    ("other", "error"),
    [
        (larger, "weights"),
        (of_other_batches, "keras: source_ids"),
        (of_fewer_batches, "longer"),
        (of_unshifted_targets, "keras: target_ids"),
        (of_other_logits, "keras: logits"),
        (sparing_of_words, "0% of the translations"),
    ],
)
def test_who_does_other_work_is_no_candidate(data, small, monkeypatch, other, error):
    def peer(*arguments):
        return other(idle(*arguments))

    monkeypatch.setattr(translation, "CANDIDATES", {"zoo": idle, "keras": peer})
    with pytest.raises((AssertionError, ValueError), match=error):
        run("--rounds", "1")


def network_of(peer, predictor, settings):
    """The network of a peer with the weights of the zoo's, and what writes with it."""
    sizes = zoo_translator.sizes_of(predictor, settings)
    if peer == "keras":
        network = keras_translator.Translator(sizes)
        write = keras_translator.writer(network)
    else:
        from benchmarks import torch_translator

        network = torch_translator.Translator(sizes)
        write = functools.partial(torch_translator.write, network)
    network.set_zoo_weights(zoo_translator.weights_of(predictor.model))
    return network, write


def logits_of(network, inputs):
    """The logits of a network of either peer."""
    if isinstance(network, keras.Model):
        return network(inputs).numpy()
    import torch

    ids = {name: torch.tensor(array.numpy()) for name, array in inputs.items()}
    return network.eval()(**ids).detach().numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_peers_are_the_same_network(data, small, kind):
    settings = small(**kind)
    predictor = predictor_of(data, settings)
    zoo_translator.make_comparable(predictor.model)
    batches = translation.batches_of(predictor, data.train, settings)
    *_, (inputs, targets, _) = batches.dataset()
    assert not all(map(np.all, (inputs["source_ids"], targets)))  # or there is no padding
    ours = predictor.model(inputs)[targets > 0]
    for peer in PEERS:
        network, _ = network_of(peer, predictor, settings)
        np.testing.assert_allclose(
            logits_of(network, inputs)[targets > 0], ours, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("peer", PEERS)
def test_peers_end_where_the_zoo_ends(data, small, ending, peer):
    predictor = sure_predictor(data, small())
    zoo_translator.make_comparable(predictor.model)
    ours = zoo_translator.translate(predictor, data.train.sources)
    assert len(set(ours)) > 5
    _, write = network_of(peer, predictor, small())
    rows = []

    def watched(source_ids, limits):
        written = write(source_ids, limits)
        assert margins(predictor.model, source_ids, written).min() > 0.05  # so choices are equal
        rows.extend(zip(written, limits, strict=True))
        return written

    assert zoo_translator.in_batches(predictor, watched)(data.train.sources) == ours
    early = [np.count_nonzero(ids != PADDING_ID) < limit for ids, limit in rows]
    assert [END_ID in ids for ids, _ in rows] == early
    assert set(early) == {True, False}


def test_keras_has_the_reset_of_the_zoo(data, small):
    predictor = predictor_of(data, small())
    network, _ = network_of("keras", predictor, small())
    inputs = {"source_ids": np.array([[3, 4, 5, 2]]), "target_ids": np.array([[2, 7, 8]])}
    np.testing.assert_allclose(network(inputs), predictor.model(inputs), rtol=1e-4, atol=1e-5)


def test_peers_learn_what_the_zoo_learns(data, small, ending):
    settings = small(dropout=0.0, batch_size=len(data.train), label_smoothing=0.3)
    predictor = predictor_of(data, settings)
    zoo_translator.make_comparable(predictor.model)
    predictor.compile("sgd", settings.label_smoothing)
    (batch,) = translation.batches_of(predictor, data.train, settings).dataset()
    ours = gradient(predictor.model, batch)
    assert abs(ours).max() > 0.01

    network, _ = network_of("keras", predictor, settings)
    network.compile("sgd", keras_translator.SmoothedCrossentropy(settings.label_smoothing))
    np.testing.assert_allclose(gradient(network, batch), ours, rtol=1e-3, atol=1e-6)
    if HAS_TORCH:
        network, _ = network_of("torch", predictor, settings)
        theirs = gradient_of_torch(network, batch, settings.label_smoothing)
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-6)


def gradient(model, batch):
    """That of the vectors that source, target and logits share."""
    inputs, targets, counted = batch
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        loss = model.compute_loss(inputs, targets, logits, counted)
    (vectors,) = [v.value for v in model.trainable_variables if v.path.endswith("embeddings")]
    return tf.convert_to_tensor(tape.gradient(loss, vectors)).numpy()


def gradient_of_torch(network, batch, label_smoothing):
    """The same, from what a step of SGD changes."""
    import torch

    from benchmarks import torch_translator

    inputs, targets, _ = batch
    ids = {**inputs, "targets": targets}
    batch = {name: torch.tensor(tensor.numpy()).long() for name, tensor in ids.items()}
    options = {"clip_norm": math.inf, "label_smoothing": label_smoothing}
    before = network.target_embedding.weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=1)
    torch_translator.train(network, optimizer, [batch], **options)
    return (before - network.target_embedding.weight.detach()).numpy()


@pytest.mark.long
def test_all_candidates_do_the_same_work_and_learn_it(data, small):
    settings = small(dropout=0.0, learning_rate=0.05, batch_size=len(data.train))
    candidates = translation.build(Translation().build(data, settings), data.train, settings)
    translation.require_same_work(candidates, TEXTS)
    before = loss_of(candidates["zoo"])
    for name, candidate in candidates.items():
        assert loss_of(candidate) == pytest.approx(before, rel=1e-4)
        for _ in range(6):
            candidate.train()
        assert loss_of(candidate) < 0.8 * before, name


def loss_of(candidate):
    """Cross-entropy of the first batch, a mean over its words, without dropout."""
    batch = {name: np.asarray(ids) for name, ids in next(iter(candidate.batches())).items()}
    targets = batch["targets"]
    logits = candidate.logits(batch["source_ids"], batch["target_ids"])
    loss = zoo.training.SequenceCrossentropy("mean_per_step")
    return float(loss(targets, logits, sample_weight=targets > END_ID))


def test_other_networks_have_no_peers(data, monkeypatch):
    monkeypatch.setitem(Translation.defaults, "cell", "lstm")
    result = CliRunner().invoke(translation.main, [])
    assert result.exit_code == 2
    assert "the task's cell is lstm, but its peers have gru" in result.output


def test_an_unknown_dataset_is_one_line(monkeypatch):
    def unknown(name):
        raise zoo.errors.UserError(f"there is no dataset '{name}'")

    monkeypatch.setattr(zoo.datasets.parallel_text, "load", unknown)
    result = CliRunner().invoke(translation.main, ["--dataset", "nothing"])
    assert result.exit_code == 2
    assert "there is no dataset 'nothing'" in result.output
