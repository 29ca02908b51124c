"""The built site, and a browser that reads it."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading

import pytest

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def chromium() -> str | None:
    """Return the path of a Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def site(root):
    """Return the folder of the built site."""
    folder = root / "docs" / "_build" / "html"
    if not (folder / "index.html").exists():
        pytest.skip("the site is not built: make docs")
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site without a line for every request."""

    def log_message(self, *_given):
        pass


@pytest.fixture(scope="session")
def address(site):
    """Return the address at which the site is served."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium; in CI it is installed where it is missing and can be."""
    play = pytest.importorskip("playwright.sync_api", reason="playwright comes with make docs")
    if chromium() is None and os.environ.get("CI"):
        for command in ("update", "install -y --no-install-recommends chromium"):
            subprocess.run(["apt-get", "-qq", *command.split()], check=False, stdout=subprocess.DEVNULL)
    if chromium() is None:
        pytest.skip("no Chromium on PATH (Debian: apt-get install chromium)")
    with play.sync_playwright() as player:
        found = player.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield found
        found.close()
