"""A run that was broken off and resumed ends where an unbroken one does."""

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from support import tiny_training as tiny
from support.processes import run_script
from support.train_script import train

from zoo.errors import UserError
from zoo.training import ClippedAdam, SequenceCrossentropy, checkpoints, fit

SCRIPT = Path(__file__).parents[1] / "support" / "train_script.py"


def assert_same(ones, others):
    """To the last bit, as is promised: the same program on the same inputs of one machine."""
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one, other)


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


def resume(folder, model=None, **arguments):
    defaults = {"epochs": 4, "seed": 3, "run_folder": folder, "resume": True}
    model = model or tiny.network(recurrent=True)
    fit(model, tiny.Batches(), tiny.validation(), **defaults | arguments)
    return model.get_weights()


def test_resumed_in_a_new_process_it_ends_as_an_unbroken_run(run_folder, tmp_path):
    train(tmp_path / "unbroken", 3)
    run_script(SCRIPT, run_folder, 3, "resume")
    unbroken, resumed = checkpoints.load(tmp_path / "unbroken"), checkpoints.load(run_folder)
    for name in ("history", "best", "best_epoch", "wait"):
        assert getattr(resumed, name) == getattr(unbroken, name)
    for name in ("variables", "optimizer_variables", "best_weights"):
        assert_same(getattr(resumed, name), getattr(unbroken, name))
    table = (run_folder / "history.csv").read_text()
    assert table == (tmp_path / "unbroken" / "history.csv").read_text()


def test_patience_goes_on_where_it_was(tmp_path):
    scores = [1.0, 4.0, 3.0, 2.0, 2.0, 2.0]

    def run(folder, epochs, start, patience=3):
        values = iter(scores[start:])
        add = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(val_score=next(values))
        )
        model, data = tiny.fresh(), (tiny.Batches(), tiny.validation())
        history = fit(
            model, *data, epochs=epochs, seed=0, run_folder=folder, monitor="val_score",
            mode="max", callbacks=[add], patience=patience, resume=start > 0,
        )  # fmt: skip
        return history.epoch, model.get_weights()

    unbroken = run(tmp_path / "unbroken", 6, 0)
    assert unbroken[0] == [0, 1, 2, 3, 4]
    run(tmp_path / "broken", 3, 0)
    resumed = run(tmp_path / "broken", 6, 3)
    assert resumed[0] == unbroken[0]
    assert_same(resumed[1], unbroken[1])  # the best epoch was before the break

    # Stopped early is finished, until one is more patient.
    assert run(tmp_path / "broken", 6, 5)[0] == unbroken[0]
    assert run(tmp_path / "broken", 6, 5, patience=4)[0] == [*range(6)]


def test_a_finished_run_says_so_and_gives_its_best_weights(run_folder, capsys):
    before = checkpoints.load(run_folder)
    assert_same(resume(run_folder, epochs=2), before.best_weights)
    assert "already ended, after epoch 2" in capsys.readouterr().err
    assert checkpoints.load(run_folder).history == before.history


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
        ({"seed": 4}, "seed = 3, not 4"),
        ({"monitor": "loss"}, 'monitor = "val_loss", not "loss"'),
    ],
    ids=str,
)
def test_another_run_is_refused(run_folder, changes, where):
    of_fit = {name: changes[name] for name in ("seed", "monitor") if name in changes}
    of_model = {"recurrent": True} | {k: changes[k] for k in changes.keys() - of_fit.keys()}
    if "optimizer" in changes:
        optimizer = {"learning_rate": 0.01, "clip_norm": 0.5} | changes["optimizer"]
        of_model["optimizer"] = ClippedAdam(**optimizer)
    if "loss" in changes:
        of_model["loss"] = SequenceCrossentropy(changes["loss"])
    before = (run_folder / checkpoints.FILE_NAME).read_bytes()
    with pytest.raises(UserError, match=where) as error:
        resume(run_folder, tiny.network(**of_model), **of_fit)
    assert "\n" not in str(error.value)
    assert (run_folder / checkpoints.FILE_NAME).read_bytes() == before


class Unserializable(keras.Model):
    """A model Keras cannot describe: only its weights are known."""

    def __init__(self, units):
        super().__init__()
        self.embedding = keras.layers.Embedding(tiny.CLASSES, units)

    def call(self, tokens):
        return self.embedding(tokens)


def test_a_model_without_get_config_is_known_by_its_weights(tmp_path):
    def train(units, epochs, **arguments):
        model = Unserializable(units)
        model.compile(ClippedAdam(0.01), SequenceCrossentropy())
        model(tiny.corpus()[0])
        arguments |= {"epochs": epochs, "seed": 3, "run_folder": tmp_path, "monitor": "loss"}
        return fit(model, tiny.Batches(), None, **arguments)

    train(tiny.CLASSES, 1)
    with pytest.raises(UserError, match="weights"):
        train(tiny.CLASSES + 1, 2, resume=True)
    assert train(tiny.CLASSES, 2, resume=True).epoch == [0, 1]


def test_no_checkpoint_and_a_damaged_one(run_folder, tmp_path):
    with pytest.raises(UserError, match="resume from"):
        resume(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    path = run_folder / checkpoints.FILE_NAME
    for content in (path.read_bytes()[:2000], b"not an archive", b""):
        path.write_bytes(content)
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
