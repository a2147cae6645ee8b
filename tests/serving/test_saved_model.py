"""`export`: versions that a server can read, checked, all of them or nothing."""

import errno
import stat
import threading

import keras
import pytest
import tensorflow as tf
from google.protobuf import text_format
from support.classifiers import classifier
from support.exports import audit_here

from zoo.errors import UserError
from zoo.serving import ExportError, export
from zoo.serving.export import configuration, saved_model

WRITE_OUT = type(keras.export.ExportArchive()), "write_out"


@pytest.fixture
def unchecked(monkeypatch):
    """Exports that write next to nothing, for tests of folders and names."""

    def write_graph(predictor, endpoints, folder):
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(saved_model, "_write_graph", write_graph)
    monkeypatch.setattr(saved_model.warmup, "write", lambda *arguments: None)
    monkeypatch.setattr(saved_model, "_audit", lambda folder: None)


@pytest.fixture(scope="module")
def predictor():
    return classifier()


def test_what_lies_there(served):
    versions, folder = served.version.parent, served.version.parents[1]
    assert [path.name for path in versions.iterdir()] == ["1"]
    assert (served.version / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    assert stat.S_IMODE(served.version.stat().st_mode) == 0o755
    names = {path.name for path in folder.iterdir()}
    assert names == {"tiny", "models.config", "batching.config", "monitoring.config"}


@pytest.mark.usefixtures("unchecked")
def test_versions_count_up(predictor, tmp_path):
    (tmp_path / "tiny" / "7").mkdir(parents=True)
    (tmp_path / "tiny" / "9a").mkdir()
    assert export(predictor, "tiny", tmp_path).name == "8"
    assert export(predictor, "tiny", tmp_path).name == "9"


def test_publishing_at_the_same_time(tmp_path):
    """Each of many exporters gets a version of its own."""
    news = [tmp_path / f".exporting-{number}" for number in range(16)]
    for new in news:
        new.mkdir()
        (new / "saved_model.pb").write_text(new.name)
    threads = [threading.Thread(target=saved_model._publish, args=(n, tmp_path)) for n in news]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.name for path in tmp_path.iterdir()} == {str(n) for n in range(1, 17)}
    assert len({path.read_text() for path in tmp_path.glob("*/saved_model.pb")}) == 16


@pytest.mark.parametrize(
    ("place", "error", "raised", "message"),
    [
        ((saved_model, "_audit"), KeyboardInterrupt(), KeyboardInterrupt, "^$"),
        ((saved_model, "_audit"), ExportError("because"), ExportError, "because"),
        ((saved_model, "_publish"), OSError(errno.ENOSPC, "Full"), UserError, "to .*Full"),
        (WRITE_OUT, tf.errors.ResourceExhaustedError(None, None, "Full"), UserError, "to .*Full"),
    ],
)
def test_a_failed_export_leaves_nothing(
    place, error, raised, message, predictor, tmp_path, monkeypatch
):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(*WRITE_OUT, lambda *arguments, **options: None)
    monkeypatch.setattr(saved_model, "_audit", lambda folder: None)
    monkeypatch.setattr(*place, fail)
    with pytest.raises(raised, match=message):
        export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "with space"])
def test_names_that_cannot_be(predictor, tmp_path, name):
    with pytest.raises(UserError, match="cannot name an exported model"):
        export(predictor, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unchecked")
def test_folders_that_do_not_do(predictor, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        export(predictor, "tiny", tmp_path / "file" / "in it")
    (tmp_path / configuration.MODELS_NAME).write_text("models: many\n")
    with pytest.raises(UserError, match=r"models\.config: not a list of models"):
        export(predictor, "tiny", tmp_path)
    assert not (tmp_path / "tiny").exists(), "refused before there is a version"
    with pytest.raises(ValueError, match="`format` must be one of saved_model, onnx, litert"):
        export(predictor, "tiny", tmp_path, "pickle")


@pytest.mark.long
def test_mixed_precision(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "_audit", audit_here)
    export(classifier(policy="mixed_bfloat16", cell="gru", pooling="last"), "tiny", tmp_path)


def make_version(versions):
    (versions / "1").mkdir(parents=True)
    (versions / "1" / "saved_model.pb").touch()


def test_configuration_of_exports_at_the_same_time(tmp_path, monkeypatch):
    """None of them drops the model of another from the list."""
    replace = configuration._replace

    def replace_late(path, content):
        monkeypatch.setattr(configuration, "_replace", replace)
        make_version(tmp_path / "two")
        configuration.update(tmp_path)
        replace(path, content)  # which knows nothing of "two"

    make_version(tmp_path / "one")
    monkeypatch.setattr(configuration, "_replace", replace_late)
    configuration.update(tmp_path)
    models = configuration.read_models(tmp_path)
    assert {model.name for model in models} == {"one", "two"}


def test_configuration_keeps_what_is_there(tmp_path):
    make_version(tmp_path / "one")
    configuration.update(tmp_path)
    path = tmp_path / configuration.MODELS_NAME
    (model,) = configuration.read_models(tmp_path)
    assert (model.name, model.base_path) == ("one", str(tmp_path / "one"))
    assert model.model_platform == "tensorflow"

    model.model_version_policy.specific.versions.append(1)
    model.version_labels["stable"] = 1
    path.write_text(
        f"# ours\nmodel_config_list {{ config {{ {text_format.MessageToString(model)} }} }}"
    )
    configuration.update(tmp_path)
    assert path.read_text().startswith("# ours\n"), "nothing is to be added"
    (tmp_path / configuration.BATCHING_NAME).write_text("max_batch_size { value: 8 }\n")
    make_version(tmp_path / "two")
    configuration.update(tmp_path)
    first, second = configuration.read_models(tmp_path)
    assert (first, second.name) == (model, "two")
    batching = (tmp_path / configuration.BATCHING_NAME).read_text()
    assert batching == "max_batch_size { value: 8 }\n"


def test_on_another_backend_nothing_is_exported(predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="KERAS_BACKEND=tensorflow"):
        export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []
