"""A cache for the data of the tests, and package indexes of their own."""

import contextlib
import functools
import hashlib
import io
import os
import tarfile

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


@pytest.fixture
def unconfigured_pip(monkeypatch):
    """Takes away the pip configuration of the machine; a test adds its own by PIP_* variables."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


class Release:
    """A release file, and its arguments for `fetch`."""

    def __init__(self, content):
        self.content, self.filename = content, "Some_Corpus-1.0.tar.gz"
        self.pin = "Some_Corpus", self.filename, hashlib.sha256(content).hexdigest()

    def write_to(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self.filename).write_bytes(self.content)


def tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def release(tmp_path):
    """A source distribution whose setup script would betray that it was run."""
    setup = f"open({str(tmp_path / 'setup-was-run')!r}, 'w').close()\n"
    inner = tar_gz({"texts/one.txt": b"one", "texts/two.txt": b"two"})
    members = {"setup.py": setup.encode(), "data.tar.gz": inner}
    return Release(tar_gz({f"Some_Corpus-1.0/{name}": part for name, part in members.items()}))


@pytest.fixture
def index(tmp_path, release):
    """A package index in a folder, by its URL."""
    folder = tmp_path / "index" / "some-corpus"
    release.write_to(folder)
    (folder / "index.html").write_text(f'<a href="{release.filename}">{release.filename}</a>')
    return folder.parent.as_uri()
