"""`export`: what it prints and writes, and what it refuses."""

import json
import os

import pytest
from support.command_lines import assert_refused, call, run

from zoo.serving import ExportError
from zoo.serving.export import saved_model


def test_export(capfd, trained, tmp_path):
    out = tmp_path / "served"
    result = call(capfd, "export", "--model", trained, "--out", out, "--name", "films", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out.splitlines()[-1])
    assert report == {
        "model": str(trained),
        "format": "saved_model",
        "folder": str(out / "films" / "1"),
    }
    assert "exported and checked" in result.err
    assert (out / "films" / "1" / "saved_model.pb").exists()


def test_the_name_is_that_of_the_folder(capfd, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "_audit", lambda folder: None)
    monkeypatch.chdir(trained)
    result = call(capfd, "export", "--model", ".", "--out", tmp_path)
    assert result.code == 0, result.err
    assert (tmp_path / trained.name / "1").is_dir()


def test_the_backend_is_tensorflow(trained, tmp_path):
    """Whatever backend Keras is set to, an export is a TensorFlow graph."""
    result = run(
        "export", "--model", str(trained), "--out", str(tmp_path), "--json", KERAS_BACKEND="jax"
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)["folder"] == str(tmp_path / trained.name / "1")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--model", "nothing"), ("unknown model 'nothing'",)),
        (("--name", "a/b"), ("'a/b' cannot name an exported model",)),
        (("--name", ""), ("--name", "empty")),
        (("--format", "pickle"), ("--format", "'saved_model', 'onnx', 'litert'")),
        (("--out", ""), ("--out", "empty")),
    ],
)
def test_wrong_input(capfd, trained, tmp_path, arguments, parts):
    given = ("--model", trained, "--out", tmp_path / "served", *arguments)
    assert_refused(call(capfd, "export", *given), *parts)
    assert not (tmp_path / "served").exists()


def test_no_folder_to_write_to(capfd, trained, tmp_path):
    assert_refused(call(capfd, "export", "--model", trained), "--out")
    (tmp_path / "file").touch()
    result = call(capfd, "export", "--model", trained, "--out", tmp_path / "file")
    assert_refused(result, "cannot write to")


def test_a_model_that_fails_the_audit(capfd, trained, tmp_path, monkeypatch):
    def refuse(folder):
        raise ExportError("not exported: operation PyFunc")

    monkeypatch.setattr(saved_model, "_audit", refuse)
    result = call(capfd, "export", "--model", trained, "--out", tmp_path / "served")
    assert_refused(result, "not exported: operation PyFunc")
    assert os.listdir(tmp_path / "served") == []
