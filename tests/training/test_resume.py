"""A run that was broken off and resumed ends where an unbroken one does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support import tiny_training as tiny
from support.train_script import train

from zoo.errors import UserError
from zoo.training import ClippedAdam, SequenceCrossentropy, checkpoints, fit

SUPPORT = Path(__file__).parents[1] / "support"


def assert_same(ones, others):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one, other)


def train_in_a_new_process(*arguments):
    subprocess.run(
        [sys.executable, SUPPORT / "train_script.py", *map(str, arguments)],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, SUPPORT.parents[:2]))},
    )


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    """A run of two epochs."""
    folder = tmp_path_factory.mktemp("two_epochs")
    train(folder, 2)
    return folder


@pytest.fixture
def run_folder(two_epochs, tmp_path):
    """A copy of that run, to be resumed."""
    return shutil.copytree(two_epochs, tmp_path / "run")


def test_resumed_in_a_new_process_it_ends_as_an_unbroken_run(run_folder, tmp_path):
    train(tmp_path / "unbroken", 4)
    train_in_a_new_process(run_folder, 4, "resume")

    unbroken, resumed = checkpoints.load(tmp_path / "unbroken"), checkpoints.load(run_folder)
    # To the last bit, as is promised: the same program on the same inputs of the same machine.
    assert resumed.history == unbroken.history
    assert (resumed.best, resumed.best_epoch, resumed.wait) == (
        unbroken.best,
        unbroken.best_epoch,
        unbroken.wait,
    )
    assert_same(resumed.variables, unbroken.variables)
    assert_same(resumed.optimizer_variables, unbroken.optimizer_variables)
    assert_same(resumed.best_weights, unbroken.best_weights)
    table = (run_folder / "history.csv").read_text()
    assert table == (tmp_path / "unbroken" / "history.csv").read_text()


def test_every_seed_generator_is_restored(two_epochs):
    state = checkpoints.load(two_epochs)
    model = tiny.network(recurrent=True)
    seeds = [v for v in model.variables if v.name == "seed_generator_state"]
    assert len(seeds) == 3  # one in each cell, one in the dropout layer
    fresh = [np.array(seed) for seed in seeds]
    checkpoints.restore(model, state)
    assert all((np.array(seed) != old).any() for seed, old in zip(seeds, fresh, strict=True))
    assert_same(model.get_weights(), [v for v in state.variables if v.dtype == "float32"])


def test_patience_goes_on_where_it_was(tmp_path):
    def score(folder, epochs, **arguments):
        values = iter(scores[arguments.pop("start") :])
        add = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(val_score=next(values))
        )
        model = tiny.network()
        history = fit(
            model,
            tiny.Batches(),
            tiny.validation(),
            epochs=epochs,
            seed=0,
            run_folder=folder,
            monitor="val_score",
            mode="max",
            callbacks=[add],
            **arguments,
        )
        return history.epoch, model.get_weights()

    scores = [1.0, 4.0, 3.0, 2.0, 2.0, 2.0]
    unbroken = score(tmp_path / "unbroken", 6, patience=3, start=0)
    assert unbroken[0] == [0, 1, 2, 3, 4]
    score(tmp_path / "broken", 3, patience=3, start=0)
    resumed = score(tmp_path / "broken", 6, patience=3, start=3, resume=True)
    assert resumed[0] == unbroken[0]
    assert_same(resumed[1], unbroken[1])  # the best epoch was before the break

    # Stopped early is finished, until one is more patient.
    assert score(tmp_path / "broken", 6, patience=3, start=5, resume=True)[0] == unbroken[0]
    assert score(tmp_path / "broken", 6, patience=4, start=5, resume=True)[0] == [*range(6)]


def test_a_finished_run_says_so_and_gives_its_best_weights(run_folder, capsys):
    before = checkpoints.load(run_folder)
    weights = train(run_folder, 2, resume=True)
    assert_same(weights, before.best_weights)
    assert "already ended, after epoch 2" in capsys.readouterr().err
    assert checkpoints.load(run_folder).history == before.history


def resume(folder, model=None, **arguments):
    data = tiny.Batches(), tiny.validation()
    defaults = {"epochs": 4, "seed": 3, "run_folder": folder, "resume": True}
    fit(model or tiny.network(recurrent=True), *data, **defaults | arguments)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"units": 5}, "output_dim = 4, not 5"),
        ({"dropout": 0.1}, "dropout = 0.3, not 0.1"),
        ({"recurrent": False}, "model"),
        ({"optimizer": {"learning_rate": 0.02}}, "optimizer.learning_rate = 0.01, not 0.02"),
        ({"optimizer": {"clip_norm": 2.0}}, "clip_norm = 0.5, not 2.0"),
        ({"loss": "mean_per_step"}, 'reduction = "sum_over_time", not "mean_per_step"'),
        ({"metrics": ["accuracy"]}, "metrics"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_model_is_refused(run_folder, changes, where):
    changes = dict(changes)
    if "optimizer" in changes:
        optimizer = {"learning_rate": 0.01, "clip_norm": 0.5} | changes["optimizer"]
        changes["optimizer"] = ClippedAdam(**optimizer)
    if "loss" in changes:
        changes["loss"] = SequenceCrossentropy(changes["loss"])
    before = (run_folder / checkpoints.FILE_NAME).read_bytes()
    with pytest.raises(UserError, match=where) as error:
        resume(run_folder, tiny.network(**{"recurrent": True} | changes))
    assert "\n" not in str(error.value)
    assert (run_folder / checkpoints.FILE_NAME).read_bytes() == before


def test_another_seed_or_monitor_is_refused(run_folder):
    with pytest.raises(UserError, match="seed = 3, not 4"):
        resume(run_folder, seed=4)
    with pytest.raises(UserError, match='monitor = "val_loss", not "loss"'):
        resume(run_folder, monitor="loss")


class Unserializable(keras.Model):
    """A model Keras cannot describe: only its weights are known."""

    def __init__(self, embedding, units):
        super().__init__()
        self.embedding = embedding
        self.logits = keras.layers.Dense(units)

    def call(self, tokens):
        return self.logits(self.embedding(tokens))


def test_a_model_without_get_config_is_known_by_its_weights(tmp_path):
    def network(units):
        keras.utils.set_random_seed(0)
        model = Unserializable(keras.layers.Embedding(tiny.CLASSES, 3), units)
        model.compile(ClippedAdam(0.01), SequenceCrossentropy())
        model(tiny.corpus()[0])
        return model

    data = tiny.Batches(), None
    arguments = {"seed": 3, "run_folder": tmp_path, "monitor": "loss"}
    fit(network(tiny.CLASSES), *data, epochs=1, **arguments)
    with pytest.raises(UserError, match="weights"):
        fit(network(tiny.CLASSES + 1), *data, epochs=2, resume=True, **arguments)
    assert fit(network(tiny.CLASSES), *data, epochs=2, resume=True, **arguments).epoch == [0, 1]


def test_nothing_to_resume(tmp_path):
    with pytest.raises(UserError, match="resume from"):
        resume(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", None], ids=["empty", "text", "half"])
def test_a_damaged_checkpoint(run_folder, content):
    path = run_folder / checkpoints.FILE_NAME
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(UserError, match="is not a checkpoint"):
        resume(run_folder)


def test_a_checkpoint_is_replaced_as_a_whole_or_not_at_all(run_folder, monkeypatch):
    state = checkpoints.load(run_folder)

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    before = (run_folder / checkpoints.FILE_NAME).read_bytes()
    state.wait = 99
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(state, run_folder)
    assert (run_folder / checkpoints.FILE_NAME).read_bytes() == before
    assert not list(run_folder.glob("*.partial"))
