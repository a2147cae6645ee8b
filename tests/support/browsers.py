"""A headless Chromium that is installed on the machine, and what hinders people on a page."""

import contextlib
import functools
import shutil
import socket

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root it needs the first; the others keep it from asking for hosts outside.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@contextlib.contextmanager
def chromium():
    """Context of a browser; the test is skipped where there is none."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if not path:
        pytest.skip("there is no Chromium: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def free_port():
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def violations(page):
    """What axe-core finds on a page that is serious or critical: one line for each element."""
    found = _axe().run(page).response["violations"]
    return [
        f"{one['id']}: {', '.join(map(str, node['target']))}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@functools.cache
def _axe():
    from axe_playwright_python.sync_playwright import Axe

    return Axe()
