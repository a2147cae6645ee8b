"""The training loop: what it keeps, when it stops, what it says, on several devices."""

import csv
import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import tiny_training as tiny
from support.processes import run_script
from support.processors import made_in

from zoo.errors import UserError
from zoo.training import ClippedAdam, Interrupted, checkpoints, fit


def train(folder, model=None, *, validation=True, **arguments):
    data = tiny.Batches(), tiny.validation() if validation else None
    arguments = {"epochs": 2, "seed": 0, "run_folder": folder} | arguments
    return fit(model or tiny.fresh(), *data, **arguments)


class Monitored(keras.callbacks.Callback):
    """Adds a made-up validation metric, one value per epoch, and remembers the weights."""

    def __init__(self, values):
        super().__init__()
        self.values = values
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        logs["val_score"] = np.float32(self.values[epoch])  # as from a NumPy computation
        self.weights.append(self.model.get_weights())


def control_c(epoch):
    """Presses Control-C in the middle of an epoch."""
    begun = []

    def press(batch, logs):
        if begun[-1] == epoch and batch == 2:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begun.append(epoch), on_train_batch_end=press
    )


def test_record_of_a_run(tmp_path, capsys):
    calls = []
    record = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append("begin"),
        on_epoch_end=lambda epoch, logs: calls.append(epoch),
        on_train_end=lambda logs: calls.append("end"),
    )
    history = train(tmp_path, epochs=3, callbacks=[record])
    assert calls == ["begin", 0, 1, 2, "end"]
    assert history.epoch == [0, 1, 2]
    assert set(history.history) == {"loss", "val_loss"}

    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["val_loss"]) for row in rows] == history.history["val_loss"]
    for part, name in (("train", "loss"), ("validation", "val_loss")):
        assert events(tmp_path / "tensorboard" / part) == pytest.approx(history.history[name])
    assert (tmp_path / "learning_curves.png").stat().st_size < 100_000
    assert not list(tmp_path.glob("*.partial"))

    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("val_loss") == len(err.splitlines()) - 1 == 3


def events(folder):
    """The scalars named epoch_loss, in order of their steps."""
    scalars = {}
    for file in folder.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                assert value.tag == "epoch_loss"
                assert value.metadata.plugin_data.plugin_name == "scalars"
                scalars[event.step] = tf.make_ndarray(value.tensor).item()
    return [scalars[step] for step in sorted(scalars)]


def test_it_trains_as_keras_fit_does(tmp_path):
    ours, expected = tiny.network(dropout=0), tiny.network(dropout=0)
    history = train(tmp_path, ours)
    losses = []
    for epoch in range(2):
        batches = tiny.Batches().dataset(epoch)
        losses += expected.fit(batches, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    for one, other in zip(ours.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.long)]
)
def test_in_mixed_precision_its_whole_state_is_kept(policy, tmp_path):
    with made_in(policy):
        model = tiny.network(optimizer=ClippedAdam(0.05, clip_norm=0.5))
    loss = train(tmp_path, model, epochs=3).history["loss"]
    assert loss[2] < loss[1] < loss[0]
    assert model(tiny.corpus()[0]).dtype == policy.removeprefix("mixed_")
    state = checkpoints.load(tmp_path)
    names = [v.name for v in model.optimizer.variables]
    assert ("dynamic_scale" in names) == (policy == "mixed_float16")
    for variable, value in zip(model.optimizer.variables, state.optimizer_variables, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_the_training_step_is_traced_once(tmp_path):
    traces = []

    @keras.saving.register_keras_serializable(package="tests")
    def counted(y_true, y_pred):
        traces.append(tf.executing_eagerly())
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

    model = tiny.network(loss=counted)
    train(tmp_path, model, epochs=1)
    first_epoch = list(traces)
    assert first_epoch == [False] * len(first_epoch) != []
    train(tmp_path / "more", model, epochs=3)
    assert traces == first_epoch


@pytest.mark.parametrize("mode", ["max", "min"])
def test_early_stopping_and_the_best_weights(tmp_path, mode):
    sign = 1 if mode == "max" else -1
    score = Monitored([sign * value for value in (1, 3, 2, 3, 9)])
    model = tiny.fresh()
    arguments = {"epochs": 5, "monitor": "val_score", "mode": mode, "callbacks": [score]}
    history = train(tmp_path, model, patience=2, **arguments)
    assert history.epoch == [0, 1, 2, 3]  # epochs 2 and 3 do not improve on epoch 1
    assert history.history["val_score"] == score.values[:4]
    for one, other in zip(model.get_weights(), score.weights[1], strict=True):
        np.testing.assert_array_equal(one, other)
    state = checkpoints.load(tmp_path)
    assert (state.best_epoch, state.wait, state.complete) == (1, 2, True)
    assert train(tmp_path, **arguments).epoch == [*range(5)]  # without patience never


def test_without_validation_the_training_loss_chooses(tmp_path):
    history = train(tmp_path, validation=False, monitor="loss")
    assert set(history.history) == {"loss"}
    with pytest.raises(ValueError, match="validation_data"):
        train(tmp_path / "other", validation=False)


@keras.saving.register_keras_serializable(package="tests")
def explodes(y_true, y_pred):
    return keras.ops.exp(100 * keras.ops.mean(y_pred**2, axis=-1))


def test_an_infinite_loss_stops_with_advice_and_keeps_the_checkpoint(tmp_path):
    model = tiny.network(loss=explodes, optimizer=keras.optimizers.SGD(1e-4))
    rates = [1e-9, 1.0, 1e9]
    faster = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: model.optimizer.learning_rate.assign(rates[epoch])
    )
    with pytest.raises(UserError, match=r"learning rate.*gradient norm") as error:
        train(tmp_path, model, epochs=3, callbacks=[faster])
    state = checkpoints.load(tmp_path)
    assert f"checkpoint of epoch {state.finished_epochs} " in str(error.value)
    assert not state.complete
    assert all(np.isfinite(v).all() for v in state.variables)
    assert all(math.isfinite(loss) for loss in state.history["loss"])


def test_an_infinite_validation_loss_stops_too(tmp_path):
    model = tiny.fresh()
    spoil = keras.callbacks.LambdaCallback(
        on_test_begin=lambda logs: model.set_weights([w * np.nan for w in model.get_weights()])
    )
    with pytest.raises(UserError, match="val_loss became nan in epoch 1"):
        train(tmp_path, model, callbacks=[spoil])
    assert checkpoints.load(tmp_path) is None


@pytest.mark.parametrize(("values", "message"), [(None, "no metric"), ([math.nan], "NaN")])
def test_a_monitor_that_says_nothing_is_an_error(tmp_path, values, message):
    callbacks = [Monitored(values)] if values else []
    with pytest.raises(UserError, match=f"{message}.*|val_score.*{message}"):
        train(tmp_path, monitor="val_score", mode="max", callbacks=callbacks)


def test_control_c_keeps_the_last_finished_epoch(tmp_path):
    with pytest.raises(Interrupted, match="nothing to resume") as interrupted:
        train(tmp_path, callbacks=[control_c(0)])
    assert interrupted.value.finished_epochs == 0
    assert checkpoints.load(tmp_path) is None
    train(tmp_path)
    with pytest.raises(Interrupted, match="holds 1 finished") as interrupted:
        train(tmp_path, epochs=4, callbacks=[control_c(1)])  # in place of one that is finished
    assert interrupted.value.run_folder == tmp_path
    assert interrupted.value.finished_epochs == 1
    assert checkpoints.load(tmp_path).finished_epochs == 1
    assert len(events(tmp_path / "tensorboard" / "train")) == 1
    before = (tmp_path / checkpoints.FILE_NAME).read_bytes()
    with pytest.raises(UserError, match="unfinished run"):
        train(tmp_path)
    assert (tmp_path / checkpoints.FILE_NAME).read_bytes() == before


class Trained(keras.callbacks.Callback):
    """Notes the weights after each step."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())


@pytest.mark.parametrize("validation", [True, False])
def test_averages_are_validated_and_kept_and_training_goes_on_without_them(tmp_path, validation):
    def averaging():
        return tiny.network(optimizer=ClippedAdam(0.05, use_ema=True, ema_momentum=0.8))

    plain, trained, model = Trained(), Trained(), averaging()
    monitor = "val_loss" if validation else "loss"
    common = {"epochs": 3, "validation": validation, "monitor": monitor}
    train(
        tmp_path / "plain", tiny.network(optimizer=ClippedAdam(0.05)), callbacks=[plain], **common
    )
    history = train(tmp_path / "averaged", model, callbacks=[trained], **common)
    averages, steps = [trained.weights[0]], len(tiny.Batches())
    for one, other in zip(plain.weights, trained.weights, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for weights in trained.weights[1:]:
        pairs = zip(averages[-1], weights, strict=True)
        averages.append([0.8 * average + 0.2 * weight for average, weight in pairs])
    best = int(np.argmin(history.history[monitor]))
    for weight, average in zip(model.get_weights(), averages[steps * (best + 1) - 1], strict=True):
        np.testing.assert_allclose(weight, average, rtol=1e-4, atol=1e-6)
    if validation:
        loss = model.evaluate(tiny.validation(), verbose=0)
        assert history.history["val_loss"][best] == pytest.approx(loss, rel=1e-5)
    train(tmp_path / "resumed", averaging(), **common | {"epochs": 2})
    resumed = averaging()
    train(tmp_path / "resumed", resumed, resume=True, **common)
    for weight, other in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_what_cannot_be_trained_here(tmp_path):
    with pytest.raises(ValueError, match="compile"):
        train(tmp_path, keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="use_ema"):
        train(tmp_path, tiny.network(optimizer=keras.optimizers.Adam(0.1, use_ema=True)))
    for number in ({"epochs": 0}, {"patience": 0}, {"seed": -1}, {"seed": 2**32}):
        with pytest.raises(UserError, match=f"{next(iter(number))} is .*at least"):
            train(tmp_path, **number)
    assert not list(tmp_path.iterdir())
    (tmp_path / "run").write_text("precious")
    with pytest.raises(UserError, match="cannot be made a folder"):
        train(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "precious"


def test_a_bar_is_shown_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes rich take a pipe for a terminal
    train(tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert all(part in err for part in ("6/6", "epoch 2/2", "\x1b[?25h"))  # the cursor is back


@pytest.mark.more
def test_training_on_two_replicas(tmp_path):
    """The weights and losses are those of one; in mixed precision it learns and can be resumed."""
    run_script(Path(__file__).parents[1] / "support" / "replicas_script.py", tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["replicas"] == 2
    assert results["weights"] < 1e-5
    assert results["losses"] < 1e-5
    first, second = results["float16"]
    assert second < first
    assert results["resume"] < 1e-6
