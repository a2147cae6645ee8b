"""The benchmark of translation runs, and its candidates are one network that learns alike."""

import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from support.benchmarking import HAS_TORCH, PAIRS, against, assert_measured, randomize

import zoo
from benchmarks import keras_translator, translation, zoo_translator
from tasks.translation import Translation
from zoo.datasets.corpus import limited
from zoo.text.special_tokens import END_ID, PADDING_ID

TRAIN = PAIRS.data.train
KINDS = (
    {"attention": "multiplicative"},  # one table of vectors, tied by a projection
    {"attention": "additive", "share_embeddings": False, "tie_embeddings": False},
    {"attention": "additive", "embedding_dim": 6, "share_embeddings": False},  # no projection
)
PEERS = ("keras", "torch") if HAS_TORCH else ("keras",)


@pytest.fixture
def small(monkeypatch):
    return PAIRS.patch(monkeypatch)


def predictor_of(settings, seed=3, scale=0.7):
    """The zoo's predictor with weights that are great enough to matter."""
    predictor = Translation().build(PAIRS.data, settings)
    randomize(predictor.model, scale, seed)
    return predictor


def sure_predictor(settings):
    """One whose choice between two tokens is in no sentence a matter of rounding."""
    return predictor_of(settings, seed=5, scale=1.5)


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


def test_reports_each_candidate_and_phase(small, monkeypatch):
    names = PAIRS.names()
    monkeypatch.setattr(
        translation, "CANDIDATES", dict.fromkeys(translation.CANDIDATES, PAIRS.idle)
    )
    reported = PAIRS.report("--rounds", "1", "--limit", "6", "--level", "character")
    assert reported["level"] == "character"
    assert reported["train_pairs"] == reported["translated_sentences"] == 6
    chosen = limited(TRAIN, 6).targets
    assert reported["train_target_tokens"] == sum(len(text) + 1 for text in chosen)  # and <EOS>
    assert reported["parameters"].keys() == set(names)
    train, translate = reported["rows"]
    assert (train.pop("phase"), translate.pop("phase")) == ("train", "translate")
    assert_measured(train, {f"{n}_tokens_per_second" for n in names} | against("zoo", names))
    names.append("zoo_beams")
    per_second = {f"{name}_sentences_per_second" for name in names}
    assert_measured(translate, per_second | against("zoo", names))


def of_unshifted_targets(candidate):
    def batches():
        return (batch | {"target_ids": batch["targets"]} for batch in candidate.batches())

    return candidate._replace(batches=batches)


def of_other_logits(candidate):
    return candidate._replace(logits=lambda *ids: candidate.logits(*ids) + 0.01)


@pytest.mark.parametrize("other", [of_unshifted_targets, of_other_logits])
def test_who_does_other_work_is_no_candidate(small, monkeypatch, other):
    def peer(*arguments):
        return other(PAIRS.idle(*arguments))

    monkeypatch.setattr(translation, "CANDIDATES", {"zoo": PAIRS.idle, "keras": peer})
    with pytest.raises(AssertionError, match=r"keras: (target_ids|logits)"):
        PAIRS.run("--rounds", "1")


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
def test_peers_are_the_same_network(small, kind):
    settings = small(**kind)
    predictor = predictor_of(settings)
    zoo_translator.make_comparable(predictor.model)
    batches = translation.batches_of(predictor, TRAIN, settings)
    *_, (inputs, targets, _) = batches.dataset()
    assert not all(map(np.all, (inputs["source_ids"], targets)))  # or there is no padding
    ours = predictor.model(inputs)[targets > 0]
    for peer in PEERS:
        network, _ = network_of(peer, predictor, settings)
        np.testing.assert_allclose(
            logits_of(network, inputs)[targets > 0], ours, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("peer", PEERS)
def test_peers_end_where_the_zoo_ends(small, ending, peer):
    predictor = sure_predictor(small())
    zoo_translator.make_comparable(predictor.model)
    ours = zoo_translator.translate(predictor, TRAIN.sources)
    assert len(set(ours)) > 5
    _, write = network_of(peer, predictor, small())
    rows = []

    def watched(source_ids, limits):
        written = write(source_ids, limits)
        assert margins(predictor.model, source_ids, written).min() > 0.05  # so choices are equal
        rows.extend(zip(written, limits, strict=True))
        return written

    assert zoo_translator.in_batches(predictor, watched)(TRAIN.sources) == ours
    early = [np.count_nonzero(ids != PADDING_ID) < limit for ids, limit in rows]
    assert [END_ID in ids for ids, _ in rows] == early
    assert set(early) == {True, False}


def test_keras_has_the_reset_of_the_zoo(small):
    predictor = predictor_of(small())
    network, _ = network_of("keras", predictor, small())
    inputs = {"source_ids": np.array([[3, 4, 5, 2]]), "target_ids": np.array([[2, 7, 8]])}
    np.testing.assert_allclose(network(inputs), predictor.model(inputs), rtol=1e-4, atol=1e-5)


def test_peers_learn_what_the_zoo_learns(small, ending):
    settings = small(dropout=0.0, batch_size=len(TRAIN), label_smoothing=0.3)
    predictor = predictor_of(settings)
    zoo_translator.make_comparable(predictor.model)
    predictor.compile("sgd", settings.label_smoothing)
    (batch,) = translation.batches_of(predictor, TRAIN, settings).dataset()
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
def test_all_candidates_do_the_same_work_and_learn_it(small):
    settings = small(dropout=0.0, learning_rate=0.05, batch_size=len(TRAIN))
    candidates = translation.build(predictor_of(settings, seed=1, scale=1.5), TRAIN, settings)
    translation.require_same_work(candidates, list(TRAIN.sources))
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


def test_other_networks_have_no_peers(small, monkeypatch):
    monkeypatch.setitem(translation.WRITTEN_FOR, "cell", ("lstm",))
    result = CliRunner().invoke(translation.main, [])
    assert result.exit_code == 2
    assert "the task's cell is gru, but its peers have lstm" in result.output
