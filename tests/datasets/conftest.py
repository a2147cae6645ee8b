"""A cache for the data of the tests, and files of users."""

import contextlib
import functools
import io

import pytest
from support.corpus_case import KINDS

from zoo.datasets.corpora import PACKAGED


@pytest.fixture
def shared_cache(session_cache, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    return session_cache


@pytest.fixture(scope="session")
def packaged(session_cache):
    """Loads a packaged corpus by name, once in a session; preparing it prints no result."""

    @functools.cache
    def load(name):
        with pytest.MonkeyPatch.context() as patch, io.StringIO() as out:
            patch.setenv("ZOO_CACHE", str(session_cache))
            with contextlib.redirect_stdout(out):
                data = KINDS[PACKAGED[name].kind].load(name)
            assert out.getvalue() == ""
        return data

    return load


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZOO_CACHE", str(folder))
    return folder


@pytest.fixture
def write(tmp_path):
    """Writes a file of a user; returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    """What corpora of TensorFlow Datasets are prepared in."""
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "tfds"))
