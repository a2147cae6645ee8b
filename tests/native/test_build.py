"""What there is without the operation, how it is built, and its kernels alone."""

import os
import subprocess

import pytest
from support.processors import is_built
from support.refusals import refused

from zoo import native
from zoo.errors import UserError
from zoo.native import build

DRIVER = build.FOLDER.parents[1] / "tests" / "native" / "driver.cc"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for what is built."""
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    monkeypatch.delenv(native.VARIABLE, raising=False)
    monkeypatch.setattr(native, "library", lambda: tmp_path / "recurrence-1.0-abc.so")
    native._is_built.cache_clear()
    yield tmp_path
    native._is_built.cache_clear()


def test_one_for_another_tensorflow_is_refused_in_one_line(folder, capsys):
    (folder / "recurrence-0.9-abc.so").touch()
    assert not native.is_on()
    assert not native.is_on()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("recurrence-0.9-abc.so is not used: it was built for another TensorFlow")
    assert "built for another TensorFlow or from other sources" in native.state()
    (folder / "recurrence-0.9-abc.so").unlink()
    assert native.state().startswith("the loop of the zoo; `python -m zoo.native.build` builds")


def test_without_a_compiler(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(build, "library", lambda: tmp_path / "none.so")
    assert build.main() == 1
    assert (
        capsys.readouterr().err == "There is no C++ compiler: install g++ or clang++, or set CXX\n"
    )


def test_the_compiler_that_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "g++ -O1")
    assert build.compiler() == ["g++", "-O1"]
    monkeypatch.setenv("CXX", "nowhere/g++ -O1")
    refused("CXX names nowhere/g\\+\\+, which is not there", build.compiler)


@is_built
def test_a_damaged_one_is_known(monkeypatch, tmp_path):
    assert build._loads()
    damaged = tmp_path / "damaged.so"
    damaged.write_bytes(native.library().read_bytes()[:20_000])
    monkeypatch.setattr(build, "library", lambda: damaged)
    assert not build._loads()


@pytest.mark.parametrize(
    "sanitizer",
    [
        "",
        pytest.param("address,undefined", marks=pytest.mark.long),
        pytest.param("thread", marks=pytest.mark.long),
    ],
)
def test_the_kernels_compute_the_equations(sanitizer, tmp_path):
    """Every cell, mask and set of instructions, by several threads, callers and processes."""
    if build.compiler() is None:
        pytest.skip("there is no C++ compiler")
    options = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"] if sanitizer else []
    binary = tmp_path / "driver"
    if sanitizer:
        (tmp_path / "empty.cc").write_text("int main() {}")
        try:
            build.run([*options, str(tmp_path / "empty.cc"), "-o", str(binary)])
        except UserError:
            pytest.skip(f"the compiler has no runtime for {sanitizer}")
    objects = build.compile_sources(tmp_path, "-O1", *options, sources=(DRIVER,))
    build.run([*options, *objects, "-o", str(binary), "-lpthread"])
    environment = os.environ | {"TSAN_OPTIONS": "die_after_fork=0"}
    options = {"capture_output": True, "text": True, "timeout": 1200}
    result = subprocess.run([binary], env=environment, **options)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
