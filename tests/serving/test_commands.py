"""`python -m zoo serve` and `python -m zoo query`, in processes of their own and in this one."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import httpx2
import pytest
from support.command_lines import ROOT, clean_environment
from support.servers import WAIT, wait_until
from support.zoo_commands import free_ports, refusal, run

from zoo import __main__ as zoo_command
from zoo import serving
from zoo.predictors import catalogue, presets
from zoo.serving.export import configuration
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
        self.url = f"http://127.0.0.1:{self.rest_port}"
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
            return httpx2.get(f"{self.url}/healthz", timeout=60).status_code == 200
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
    out = " ".join(capsys.readouterr().out.split())
    for verb in ("serve", "query"):
        assert f"{verb} " in out
        for parameter in zoo_command.listing.commands[verb].params:
            if isinstance(parameter, click.Option):
                assert " ".join(parameter.help.split()) in out


def test_the_development_server_from_start_to_end(serve, small, tmp_path, capsys):
    """Its end answers what is under way, and leaves no temporary folder."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = serve("--model", small, "--development", TMPDIR=str(temporary))
    server.wait_until(server.ready)
    assert run("query", "--model", small.name, f"--rest={server.url}", "a") == 0
    assert capsys.readouterr().out == "   short 0.900  a\n"
    url = f"{server.url}/v1/models/{small.name}:predict"
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
    log = server.log.read_text()
    for part in ("development server", f"{small.name} version 2 answers", str(server.rest_port)):
        assert part in log
    assert all("zoo-development-server" in line for line in log.splitlines()), log
    assert [*temporary.iterdir()] == []


@pytest.mark.long
def test_a_saved_model_is_exported_first(serve, served, tmp_path):
    presets.save(served.predictor, tmp_path / "kept", {})
    folder = served.version.parents[1]
    server = serve("--model", tmp_path / "kept", "--model", folder, "--development")
    server.wait_until(server.ready, 10 * WAIT)
    for name in ("kept", "tiny"):
        url = f"{server.url}/v1/models/{name}:predict"
        answer = httpx2.post(url, json={"instances": ["good"]}, timeout=60).json()
        label = served.predictor.predict(["good"])[0]["label"]
        assert answer["predictions"][0]["label"] == label
    assert server.stop() == 0
    assert "exporting kept\n" in server.log.read_text()


def test_saved_models_are_exported_to_the_given_folder(tmp_path, monkeypatch, small):
    kept, exports, announced, exported = tmp_path / "kept", tmp_path / "exports", [], []
    kept.mkdir()
    (kept / catalogue.CONFIG_NAME).write_text("{}")
    monkeypatch.setattr(presets, "load", lambda folder: folder)
    monkeypatch.setattr(serving, "export", lambda *what: exported.append(what))
    configs = model_list.resolve([str(kept), str(small)], exports, announced.append)
    assert exported == [(kept, "kept", exports)]
    assert announced == ["exporting kept"]
    assert [(config.name, config.base_path) for config in configs] == [
        ("kept", str(exports / "kept")),
        (small.name, str(small)),
    ]


def test_a_model_that_cannot_be_exported(tmp_path, capsys):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / catalogue.CONFIG_NAME).write_text("{}")
    assert run("serve", "--development", "--model", folder) == 2
    announced, error = capsys.readouterr().err.splitlines()
    assert announced == "exporting kept"
    assert error.startswith("error: cannot export model 'kept': ")
    assert "not the configuration of a saved model" in error


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--model", "nothing"], ["unknown model 'nothing'"]),
        (["--model", "{empty}"], ["holds no saved model"]),
        (["--model", ""], ["it is empty"]),
        (["--model", "{small}", "--model", "{small}/1"], ["two models are called"]),
        (["--model", "{small}", "--port=8500", "--rest-port=8500"], ["both 8500"]),
        (["--model", "{small}", "--port=70000"], ["70000"]),
        (["--model", "{damaged}"], ["models.config", "not a list of models"]),
        (["--model", "{lists_nothing}"], ["lists no models"]),
        (["--model", "{lists_lost}"], ["'lost'", "is not there"]),
        ([], ["--model"]),
    ],
)
def test_serve_with_wrong_input(arguments, parts, small, tmp_path, capsys):
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
    words = [word.format(small=small, **folders) for word in arguments]
    line = refusal(capsys, "serve", "--development", *words)
    for part in parts:
        assert part in line


def test_ports_in_use_hosts_and_programs_that_are_not_there(
    rest_url, small, fake_server, monkeypatch, capsys, tmp_path
):
    words, taken = ("serve", "--model", small), rest_url.rpartition(":")[2]
    line = refusal(capsys, *words, "--development", "--rest-port", taken)
    assert f"127.0.0.1:{taken}" in line
    assert "in use" in line
    assert "203.0.113.1" in refusal(capsys, *words, "--development", "--host=203.0.113.1")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    line = refusal(capsys, *words)
    for part in ("tensorflow_model_server is not on PATH", "tensorflow/serving", "--development"):
        assert part in line
    monkeypatch.setenv("PATH", fake_server()[0])
    line = refusal(capsys, *words, "--port", taken, "--rest-port", free_ports()[0])
    assert "in use" in line
    assert "every interface" in refusal(capsys, *words, "--host", "127.0.0.1")


def test_tensorflow_serving_gets_its_flags_and_signals(serve, fake_server, served, small):
    path, given = fake_server(handled="SIGTERM")
    folder = served.version.parents[1]
    server = serve("--model", folder, "--model", small, PATH=path)
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
    models = configuration.read_models(given / names[0])
    folders = {model.name: model.base_path for model in models}
    assert folders == {"tiny": str(folder / "tiny"), small.name: str(small)}
    for name in names[1:]:
        assert (given / name).read_bytes() == (folder / name).read_bytes()
    assert server.stop() == 7  # the stand-in's own


def test_tensorflow_serving_gets_the_files_beside_its_models(serve, fake_server, small, tmp_path):
    path, given = fake_server()
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "talk").symlink_to(small)
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


def query(capsys, *arguments):
    assert run("query", "--model=small", *arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_query_prints_labels_or_what_there_is(rest_url, capsys):
    out = query(capsys, f"--rest={rest_url}", "a", "much\tlonger")
    assert out == "   short 0.900  a\n    long 0.800  much longer\n"
    row = json.loads(query(capsys, f"--rest={rest_url}", "--signature=echo", "é"))
    assert row == {"content_bytes": {"b64": "w6k="}, "size": 2, "text": "é!"}


def test_query_as_json_by_both_protocols(rest_url, grpc_address, capsys):
    for address in (f"--address={grpc_address}", f"--rest={rest_url}"):
        (prediction,) = json.loads(query(capsys, address, "--json", "a"))["predictions"]
        label = (prediction["input"], prediction["label"], prediction["version"])
        assert label == ("a", "short", 2)


def test_query_reads_standard_input(rest_url):
    lines = [f"line {i}" for i in range(70)]  # of several requests
    command = [sys.executable, "-m", "zoo", "query", "--model=small", f"--rest={rest_url}"]
    done = subprocess.run(
        [*command, "--json", "-"],
        cwd=ROOT,
        env=clean_environment(),
        input="\n".join(lines).encode(),
        capture_output=True,
        check=True,
    )
    predictions = json.loads(done.stdout)["predictions"]
    assert [prediction["input"] for prediction in predictions] == lines


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--model=none", "a"], "does not serve model 'none'"),
        (["--model=small", "--signature=none", "a"], "there is no signature 'none': give one of "),
        (["--model=small", "--signature=divide", "a"], "'divide' takes no strings"),
        (["--model=small", "--signature=number", "x"], "could not correctly convert string: x"),
        (["--model=small", "--address=localhost:1", "a"], "give one of them"),
        (["--model=small", "--timeout=0", "a"], "timeout"),
        (["--model=small"], "TEXT"),
        (["--model=small", "a\udcff"], "not UTF-8"),
    ],
)
def test_query_with_wrong_input(rest_url, capsys, arguments, part):
    assert part in refusal(capsys, "query", f"--rest={rest_url}", *arguments)


def test_query_without_a_server(capsys):
    url = f"http://127.0.0.1:{free_ports()[0]}"
    line = refusal(capsys, "query", "--model=small", "--rest", url, "a")
    assert f"no model server answers at {url}" in line
