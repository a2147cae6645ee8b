"""`zoo.serving.export`: versions that a server can read, checked, all of them or nothing."""

import errno
import math
import stat
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

import zoo
from zoo.errors import UserError
from zoo.networks import many_to_one
from zoo.predictors import TextClassifier
from zoo.serving import ExportError
from zoo.serving.c_api import SavedModel, SavedModelError
from zoo.serving.export import configuration, saved_model
from zoo.text.words import WordTokenizer

TEXTS = ["good", "", "a bad and long and slow film", "wörds unheard of", "good film!"]


def classifier(labels=("neg", "pos"), **options):
    tokenizer = WordTokenizer.from_texts(TEXTS, max_length=12)
    model = many_to_one(
        len(tokenizer.vocabulary), len(labels), embedding_dim=5, units=3, seed=1, **options
    )
    return TextClassifier(model, tokenizer, labels)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    zoo.predictors.presets.save(classifier(), folder, {})
    return folder


@pytest.fixture(scope="module")
def predictor(saved):
    return zoo.load(saved)


@pytest.fixture
def unchecked(monkeypatch):
    """Exports that write next to nothing, for tests of folders and names."""

    def write_graph(predictor, endpoints, folder):
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(saved_model, "_write_graph", write_graph)
    monkeypatch.setattr(saved_model.warmup, "write", lambda *arguments: None)
    monkeypatch.setattr(saved_model, "_audit", lambda folder: None)


@pytest.fixture(scope="module")
def exported(predictor, tmp_path_factory):
    return zoo.serving.export(predictor, "tiny", tmp_path_factory.mktemp("served"))


def test_what_lies_there(exported):
    assert exported.name == "1"
    assert [path.name for path in exported.parent.iterdir()] == ["1"]
    assert (exported / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    assert stat.S_IMODE(exported.stat().st_mode) == 0o755
    folder = exported.parent.parent
    names = {path.name for path in folder.iterdir()}
    assert names == {"tiny", "models.config", "batching.config", "monitoring.config"}


def test_answers_are_those_of_the_predictor(exported, predictor):
    expected = predictor.predict(TEXTS)
    ids = predictor.tokenizer.ragged(TEXTS)
    requests = {
        "serving_default": {"text": TEXTS},
        "token_ids": {"token_ids": ids.to_tensor(), "length": ids.row_lengths()},
    }
    with SavedModel(exported) as model:
        for name, inputs in requests.items():
            spec = model.signatures[name].inputs
            inputs = {key: np.array(value, spec[key].dtype) for key, value in inputs.items()}
            answer = model.run(name, inputs)
            labels = [label.decode() for label in answer["label"]]
            assert labels == [row["label"] for row in expected]
            np.testing.assert_allclose(
                answer["probabilities"].max(axis=1), [row["probability"] for row in expected], 1e-5
            )


def test_what_stands_behind_the_length_does_not_count(exported):
    """Servers pad rows with their first id, not with 0."""
    with SavedModel(exported) as model:
        alone = model.run(
            "token_ids",
            {"token_ids": np.array([[4, 5, 2]], "int32"), "length": np.array([3], "int32")},
        )
        padded = model.run(
            "token_ids",
            {
                "token_ids": np.array([[4, 5, 2, 4, 4], [3, 3, 3, 3, 2]], "int32"),
                "length": np.array([3, 5], "int32"),
            },
        )
    np.testing.assert_allclose(alone["probabilities"][0], padded["probabilities"][0], atol=1e-6)


def test_requests_without_rows_or_timesteps(exported):
    ids = {"token_ids": np.zeros((0, 0), "int32"), "length": np.zeros(0, "int32")}
    row = {"token_ids": np.zeros((1, 0), "int32"), "length": np.zeros(1, "int32")}
    with SavedModel(exported) as model:
        for name, inputs in (("serving_default", {"text": []}), ("token_ids", ids)):
            answer = model.run(name, inputs)
            assert (answer["label"].shape, answer["probabilities"].shape) == ((0,), (0, 2))
        assert np.isfinite(model.run("token_ids", row)["probabilities"]).all()


def test_a_length_for_every_row(exported):
    inputs = {"token_ids": np.array([[4, 5]], "int32"), "length": np.array([2, 2], "int32")}
    with SavedModel(exported) as model, pytest.raises(SavedModelError, match="one for each row"):
        model.run("token_ids", inputs)


def test_the_vocabulary_is_an_asset(exported, saved):
    asset = exported / "assets" / "vocabulary.txt"
    assert asset.read_bytes() == (saved / "vocabulary.txt").read_bytes()


def test_every_weight_is_kept_once(exported, predictor):
    stored = tf.train.list_variables(str(exported / "variables" / "variables"))
    sizes = [math.prod(shape) for name, shape in stored if "VARIABLE_VALUE" in name]
    assert sum(sizes) == predictor.model.count_params()


@pytest.mark.usefixtures("unchecked")
def test_versions_count_up(predictor, tmp_path):
    (tmp_path / "tiny" / "7").mkdir(parents=True)
    (tmp_path / "tiny" / "9a").mkdir()
    assert zoo.serving.export(predictor, "tiny", tmp_path).name == "8"
    assert zoo.serving.export(predictor, "tiny", tmp_path).name == "9"


def test_publishing_at_the_same_time(tmp_path):
    """Each of many exporters gets a version of its own."""
    news = []
    for number in range(16):
        new = tmp_path / f".exporting-{number}"
        new.mkdir()
        (new / "saved_model.pb").write_text(str(number))
        news.append(new)
    threads = [threading.Thread(target=saved_model._publish, args=(n, tmp_path)) for n in news]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.name for path in tmp_path.iterdir()} == {str(n) for n in range(1, 17)}
    assert len({path.read_text() for path in tmp_path.glob("*/saved_model.pb")}) == 16


@pytest.mark.parametrize("error", [KeyboardInterrupt, ExportError("not exported: because")])
@pytest.mark.usefixtures("unchecked")
def test_a_failed_export_leaves_nothing(predictor, tmp_path, monkeypatch, error):
    def fail(folder):
        assert (folder / "saved_model.pb").exists()
        raise error

    monkeypatch.setattr(saved_model, "_audit", fail)
    with pytest.raises(error if isinstance(error, type) else type(error)):
        zoo.serving.export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_answers_otherwise_is_not_exported(tmp_path):
    predictor = classifier()

    def wrong(inputs):
        answer = predictor._expected(predictor.tokenizer.ragged(inputs["text"]))
        return answer | {"probabilities": answer["probabilities"] + np.float32(1e-3)}

    default, ids = predictor.endpoints()
    object.__setattr__(default, "expected", wrong)
    predictor.endpoints = lambda: (default, ids)
    with pytest.raises(ExportError, match=r"probabilities differs from Keras by up to 1\.0e-03"):
        zoo.serving.export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", ".hidden", "with space"])
def test_names_that_cannot_be(predictor, tmp_path, name):
    with pytest.raises(UserError, match="cannot name an exported model"):
        zoo.serving.export(predictor, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(predictor, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        zoo.serving.export(predictor, "tiny", tmp_path / "file")


def test_three_labels_mixed_precision_and_other_cells(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        predictor = classifier(("bad", "fair", "good"), cell="gru", layers=2, pooling="last")
    finally:
        keras.config.set_dtype_policy("float32")
    version = zoo.serving.export(predictor, "tiny", tmp_path)
    with SavedModel(version) as model:
        assert model.run("serving_default", {"text": TEXTS})["probabilities"].shape == (5, 3)


@pytest.mark.usefixtures("unchecked")
def test_a_full_disk(predictor, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saved_model.warmup, "write", fail)
    with pytest.raises(UserError, match=r"cannot write to .*No space left"):
        zoo.serving.export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_for_tensorflow(predictor, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(type(keras.export.ExportArchive()), "write_out", fail)
    with pytest.raises(UserError, match=r"cannot write to .*No space left"):
        zoo.serving.export(predictor, "tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unchecked")
def test_a_damaged_configuration_is_refused_before_there_is_a_version(predictor, tmp_path):
    (tmp_path / configuration.MODELS_NAME).write_text("models: many\n")
    with pytest.raises(UserError, match=r"models\.config: not a list of models"):
        zoo.serving.export(predictor, "tiny", tmp_path)
    assert not (tmp_path / "tiny").exists()


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
    config = configuration.read(tmp_path / configuration.MODELS_NAME)
    assert {model.name for model in config.model_config_list.config} == {"one", "two"}


def test_configuration_keeps_what_is_there(tmp_path):
    make_version(tmp_path / "one")
    configuration.update(tmp_path)
    path = tmp_path / configuration.MODELS_NAME
    config = configuration.read(path)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("one", str(tmp_path / "one"))
    assert model.model_platform == "tensorflow"

    model.model_version_policy.specific.versions.append(1)
    model.version_labels["stable"] = 1
    path.write_text("# ours\n" + text_format.MessageToString(config))
    configuration.update(tmp_path)
    assert path.read_text().startswith("# ours\n"), "nothing is to be added"
    (tmp_path / configuration.BATCHING_NAME).write_text("max_batch_size { value: 8 }\n")
    make_version(tmp_path / "two")
    configuration.update(tmp_path)
    first, second = configuration.read(path).model_config_list.config
    assert first == model
    assert second.name == "two"
    batching = (tmp_path / configuration.BATCHING_NAME).read_text()
    assert batching == "max_batch_size { value: 8 }\n"


def test_configuration_that_cannot_be_read(tmp_path):
    path = tmp_path / configuration.MODELS_NAME
    path.write_text("models: many\n")
    with pytest.raises(UserError, match=r"models\.config: not a list of models"):
        configuration.update(tmp_path)
    assert path.read_text() == "models: many\n"


def test_model_of_another_backend(tmp_path):
    """A network made under JAX is loaded and exported under TensorFlow."""
    from support.command_lines import ROOT, clean_environment, subprocess, sys

    code = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "import zoo, test_export\n"
        "import keras; assert keras.backend.backend() == 'jax'\n"
        "predictor = test_export.classifier()\n"
        "print(predictor.probabilities(test_export.TEXTS).tolist())\n"
        f"zoo.predictors.presets.save(predictor, {str(tmp_path / 'model')!r}, {{}})\n"
        "try: zoo.serving.export(predictor, 'tiny', sys.argv[1])\n"
        "except zoo.errors.UserError as error: assert 'KERAS_BACKEND=tensorflow' in str(error)\n"
        "else: raise AssertionError('exported')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "never")],
        cwd=ROOT,
        env=clean_environment(KERAS_BACKEND="jax", TF_CPP_MIN_LOG_LEVEL="3"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "never").exists()
    version = zoo.serving.export(zoo.load(tmp_path / "model"), "tiny", tmp_path / "served")
    with SavedModel(version) as model:
        answer = model.run("serving_default", {"text": TEXTS})
    of_jax = np.array(eval(done.stdout.splitlines()[-1]))  # a list of lists of numbers
    np.testing.assert_allclose(answer["probabilities"], of_jax, atol=1e-5)
