"""`python -m zoo serve`, in processes of its own and in this one."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import httpx2
import pytest
from google.protobuf import text_format
from support.command_lines import ROOT, clean_environment
from support.servers import WAIT, wait_until
from support.zoo_commands import free_ports, refusal, run

from zoo import __main__ as zoo_command
from zoo.predictors import catalogue, presets
from zoo.serving.export import configuration
from zoo.serving.protobufs import model_server_config_pb2
from zoo.serving.server import model_list

FAKE = """\
#!{python}
# Stands in for tensorflow_model_server: notes what it is given, and waits for a signal.
import pathlib, shutil, signal, sys

given = pathlib.Path({folder!r})
for argument in sys.argv[1:]:
    name, _, value = argument.partition("=")
    if name.endswith("_file"):
        shutil.copy(value, given)
signal.signal(signal.{handled}, lambda *_: sys.exit(7))
(given / "new").write_text("\\n".join(sys.argv[1:]))
(given / "new").rename(given / "arguments")
signal.pause()
"""


class Process:
    """A `serve` in a process of its own."""

    def __init__(self, log, *arguments, **environment):
        self.port, self.rest_port = free_ports()
        self.log = log
        ports = (f"--port={self.port}", f"--rest-port={self.rest_port}")
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "zoo", "serve", *map(str, arguments), *ports],
                cwd=ROOT,
                env=clean_environment(**environment),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until(self, condition, seconds=WAIT):
        def fulfilled():
            assert self.process.poll() is None, self.log.read_text()
            return condition()

        wait_until(fulfilled, seconds)

    def ready(self):
        try:
            url = f"http://127.0.0.1:{self.rest_port}/healthz"
            return httpx2.get(url, timeout=60).status_code == 200
        except httpx2.ConnectError:
            return False

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*arguments, **environment):
        process = Process(tmp_path / f"log{len(started)}", *arguments, **environment)
        started.append(process.process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def without_tensorflow_serving(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def fake_server(tmp_path):
    """A function that puts a stand-in on PATH; it returns PATH and where it notes things."""

    def install(handled="SIGUSR1"):
        given = tmp_path / "given"
        program = tmp_path / "bin" / "tensorflow_model_server"
        for folder in (given, program.parent):
            folder.mkdir()
        program.write_text(FAKE.format(python=sys.executable, folder=str(given), handled=handled))
        program.chmod(0o755)
        return f"{program.parent}{os.pathsep}{os.environ['PATH']}", given

    return install


def test_help_shows_both_verbs(capsys):
    for arguments in (["--help"], ["serve", "--help"], ["query", "-h"]):
        assert run(*arguments) == 0
    out = capsys.readouterr().out
    assert "query  " in out
    assert "serve  " in out
    for verb in ("serve", "query"):
        for parameter in zoo_command.listing.commands[verb].params:
            if isinstance(parameter, click.Option):
                assert " ".join(parameter.help.split()) in " ".join(out.split())


def test_the_development_server_from_start_to_end(serve, small_models, tmp_path):
    folder = tmp_path / "talk"
    folder.mkdir()
    (folder / "3").symlink_to(small_models / "1")
    server = serve("--model", folder, "--development")
    server.wait_until(server.ready)
    address = f"--address=127.0.0.1:{server.port}"
    assert run("query", "--model=talk", address, "a") == 0
    assert run("query", "--model=talk", f"--rest=http://127.0.0.1:{server.rest_port}", "a") == 0
    assert server.stop() == 0
    log = server.log.read_text()
    assert "development server" in log
    assert "talk version 3 answers" in log
    assert "Traceback" not in log
    lines = log.splitlines()
    assert all("zoo-development-server" in line for line in lines), log
    assert str(server.port) in log
    assert str(server.rest_port) in log


def test_control_c_stops_it_too_and_answers_what_is_under_way(serve, small_models):
    server = serve("--model", small_models / "2", "--development")
    server.wait_until(server.ready)
    name = small_models.name
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/{name}:predict"
    answers = []
    body = {"signature_name": "count", "inputs": [60_000]}  # about a second
    thread = threading.Thread(
        target=lambda: answers.append(httpx2.post(url, json=body, timeout=60).json())
    )
    thread.start()
    for _ in range(3):  # by then the first has been read, too
        assert httpx2.post(url, json={"instances": ["a"]}, timeout=60).status_code == 200
    assert server.stop(signal.SIGINT) == 0
    thread.join()
    assert answers == [{"outputs": [60_000]}]


@pytest.mark.long
def test_a_saved_model_is_exported_first(serve, predictor, tmp_path, served):
    presets.save(predictor, tmp_path / "kept", {})
    server = serve("--model", tmp_path / "kept", "--model", served.folder, "--development")
    server.wait_until(server.ready, 10 * WAIT)
    for name in ("kept", served.version.parent.name):
        url = f"http://127.0.0.1:{server.rest_port}/v1/models/{name}:predict"
        answer = httpx2.post(url, json={"instances": ["good"]}, timeout=60).json()
        assert answer["predictions"][0]["label"] == predictor.predict(["good"])[0]["label"]
    assert server.stop() == 0
    assert "exporting kept\n" in server.log.read_text()


def test_saved_models_are_exported_to_the_given_folder(tmp_path, monkeypatch, small_models):
    kept, exports, announced = tmp_path / "kept", tmp_path / "exports", []
    kept.mkdir()
    (kept / catalogue.CONFIG_NAME).write_text("{}")
    exported = []
    monkeypatch.setattr(model_list, "_export_alone", lambda *what: exported.append(what))
    configs = model_list.resolve([str(kept), str(small_models)], exports, announced.append)
    assert exported == [(kept, "kept", exports)]
    assert announced == ["exporting kept"]
    assert [(config.name, config.base_path) for config in configs] == [
        ("kept", str(exports / "kept")),
        (small_models.name, str(small_models)),
    ]


def test_a_port_in_use(server, small_models, capsys):
    words = ("serve", "--model", small_models, "--development")
    for option, other in (("--port", "--rest-port"), ("--rest-port", "--port")):
        line = refusal(capsys, *words, option, server.port, other, free_ports()[0])
        assert f"127.0.0.1:{server.port}" in line
        assert "in use" in line


@pytest.mark.usefixtures("without_tensorflow_serving")
def test_without_tensorflow_serving_it_says_how_to_get_it(small_models, capsys):
    line = refusal(capsys, "serve", "--model", small_models)
    for part in ("tensorflow_model_server is not on PATH", "tensorflow/serving", "--development"):
        assert part in line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--model", "nothing"], ["unknown model 'nothing'"]),
        (["--model", "{empty}"], ["holds no saved model"]),
        (["--model", ""], ["it is empty"]),
        (["--model", "{small}", "--model", "{small}/1"], ["two models are called"]),
        (["--model", "{small}", "--port=8500", "--rest-port=8500"], ["both 8500"]),
        (["--model", "{small}", "--port=70000"], ["70000"]),
        (["--model", "{small}", "--host=203.0.113.1"], ["203.0.113.1"]),
        (["--model", "{damaged}"], ["models.config", "not a list of models"]),
        (["--model", "{lists_nothing}"], ["lists no models"]),
        (["--model", "{lists_lost}"], ["'lost'", "is not there"]),
        ([], ["--model"]),
    ],
)
def test_wrong_input(arguments, parts, small_models, tmp_path, capsys):
    contents = {
        "empty": None,
        "damaged": "model_config_list {",
        "lists_nothing": "",
        "lists_lost": 'model_config_list { config { name: "lost" base_path: "away" } }',
    }
    folders = {name: tmp_path / name for name in contents}
    for name, content in contents.items():
        folders[name].mkdir()
        if content is not None:
            (folders[name] / configuration.MODELS_NAME).write_text(content)
    words = [word.format(small=small_models, **folders) for word in arguments]
    line = refusal(capsys, "serve", "--development", *words)
    for part in parts:
        assert part in line


def test_a_model_that_cannot_be_exported(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / catalogue.CONFIG_NAME).write_text("{}")
    assert model_list._main(str(folder), "kept", str(tmp_path / "out")) == 1
    reason = capsys.readouterr().out
    assert "not the configuration of a saved model" in reason
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{reason.strip()}'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert run("serve", "--development", "--model", folder) == 2
    assert capsys.readouterr().err.splitlines() == [
        "exporting kept",
        f"error: cannot export model 'kept': {reason.strip()}",
    ]


def test_tensorflow_serving_gets_its_flags(serve, fake_server, served, small_models):
    path, given = fake_server()
    server = serve("--model", served.folder, "--model", small_models, PATH=path)
    server.wait_until((given / "arguments").exists)
    arguments = dict(
        line.partition("=")[::2] for line in (given / "arguments").read_text().splitlines()
    )
    files = ("--model_config_file", "--batching_parameters_file", "--monitoring_config_file")
    names = [Path(arguments.pop(name)).name for name in files]
    assert arguments == {
        "--port": str(server.port),
        "--rest_api_port": str(server.rest_port),
        "--enable_batching": "",
    }
    config = text_format.Parse(
        (given / names[0]).read_text(), model_server_config_pb2.ModelServerConfig()
    )
    folders = {model.name: model.base_path for model in config.model_config_list.config}
    assert folders == {
        served.version.parent.name: str(served.version.parent),
        small_models.name: str(small_models),
    }
    for name in names[1:]:
        assert (given / name).read_bytes() == (served.folder / name).read_bytes()
    assert server.stop() == 0


def test_tensorflow_serving_gets_the_files_beside_its_models(
    serve, fake_server, small_models, tmp_path
):
    path, given = fake_server()
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "talk").symlink_to(small_models)
    (folder / configuration.MODELS_NAME).write_text(
        'model_config_list { config { name: "chat" base_path: "talk" model_platform: "tensorflow" '
        'version_labels { key: "stable" value: 1 } } }'
    )
    (folder / configuration.BATCHING_NAME).write_text("max_batch_size { value: 5 }\n")
    server = serve("--model", folder, PATH=path)
    server.wait_until((given / "arguments").exists)
    assert (given / configuration.BATCHING_NAME).read_text() == "max_batch_size { value: 5 }\n"
    arguments = (given / "arguments").read_text()
    assert "--allow_version_labels_for_unavailable_models" in arguments
    config = (given / configuration.MODELS_NAME).read_text()
    assert f'base_path: "{folder / "talk"}"' in config
    assert server.stop() == 0


def test_signals_are_passed_on_to_tensorflow_serving(serve, fake_server, small_models):
    path, given = fake_server(handled="SIGTERM")
    server = serve("--model", small_models, PATH=path)
    server.wait_until((given / "arguments").exists)
    assert server.stop() == 7  # the stand-in's own


def test_tensorflow_serving_needs_free_ports_and_takes_no_host(
    fake_server, server, small_models, monkeypatch, capsys
):
    path, _ = fake_server()
    monkeypatch.setenv("PATH", path)
    words = ("serve", "--model", small_models)
    line = refusal(capsys, *words, "--port", server.port, "--rest-port", free_ports()[0])
    assert "in use" in line
    assert "every interface" in refusal(capsys, *words, "--host", "127.0.0.1")


def test_temporary_folders_are_removed(serve, small_models, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = serve("--model", small_models, "--development", TMPDIR=str(temporary))
    server.wait_until(server.ready)
    assert server.stop() == 0
    assert [*temporary.iterdir()] == []
    shutil.rmtree(temporary)
