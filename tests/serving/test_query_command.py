"""`python -m zoo query`."""

import json
import subprocess
import sys

import pytest
from support.command_lines import ROOT, clean_environment
from support.zoo_commands import free_ports, refusal, run


def query(capsys, server, *arguments):
    assert run("query", "--model=small", f"--address=127.0.0.1:{server.port}", *arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_query_prints_labels(server, capsys):
    out = query(capsys, server, "a", "much\tlonger")
    assert out == "   short 0.900  a\n    long 0.800  much longer\n"


def test_query_prints_what_has_no_label(server, capsys):
    row = json.loads(query(capsys, server, "--signature=echo", "é"))
    assert row == {"content_bytes": {"b64": "w6k="}, "size": 2, "text": "é!"}


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_query_as_json(server, capsys, protocol):
    address = {
        "grpc": f"--address=127.0.0.1:{server.port}",
        "rest": f"--rest=http://127.0.0.1:{server.rest_port}",
    }[protocol]
    assert run("query", "--model=small", address, "--json", "a") == 0
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    assert (prediction["input"], prediction["label"], prediction["version"]) == ("a", "short", 2)


def test_query_reads_standard_input_without_loading_tensorflow(server):
    lines = [f"line {i}" for i in range(70)]  # of several requests
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "zoo", "query", "--model=small",
         f"--address=127.0.0.1:{server.port}", "--json", "-"],
        cwd=ROOT,
        env=clean_environment(),
        input="\n".join(lines).encode(),
        capture_output=True,
        check=True,
    )  # fmt: skip
    predictions = json.loads(done.stdout)["predictions"]
    assert [prediction["input"] for prediction in predictions] == lines
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "grpc" in imported
    assert not imported & {"keras", "tensorflow.python", "sklearn"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--model=none", "a"], "does not serve model 'none'"),
        (["--model=small", "--signature=none", "a"], "there is no signature 'none': give one of "),
        (["--model=small", "--signature=divide", "a"], "'divide' takes no strings"),
        (["--model=small", "--signature=number", "x"], "could not correctly convert string: x"),
        (["--model=small", "--rest=http://localhost:1", "a"], "give one of them"),
        (["--model=small", "--timeout=0", "a"], "timeout"),
        (["--model=small"], "TEXT"),
        (["--model=small", "a\udcff"], "not UTF-8"),
    ],
)
def test_query_with_wrong_input(server, capsys, arguments, part):
    line = refusal(capsys, "query", f"--address=127.0.0.1:{server.port}", *arguments)
    assert part in line


def test_query_without_a_server(capsys):
    address = f"127.0.0.1:{free_ports()[0]}"
    line = refusal(capsys, "query", "--model=small", "--address", address, "a")
    assert f"no model server answers at {address}" in line
