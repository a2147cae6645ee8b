"""A cache for the data of the tests, and package indexes of their own."""

import contextlib
import functools
import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Release:
    """A release file, and its arguments for `fetch`."""

    content: bytes
    project: str = "Some_Corpus"
    version: str = "1.0"
    filename: str = "Some_Corpus-1.0.tar.gz"

    @property
    def pin(self) -> tuple[str, str, str, str]:
        digest = hashlib.sha256(self.content).hexdigest()
        return self.project, self.version, self.filename, digest

    def write_to(self, folder: Path) -> None:
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
    return Release(
        tar_gz({"Some_Corpus-1.0/setup.py": setup.encode(), "Some_Corpus-1.0/data.tar.gz": inner})
    )


@pytest.fixture
def index(tmp_path, release):
    """A package index in a folder, by its URL."""
    folder = tmp_path / "index" / "some-corpus"
    release.write_to(folder)
    (folder / "index.html").write_text(f'<a href="{release.filename}">{release.filename}</a>')
    return folder.parent.as_uri()
