"""A browser, and the built site behind a server of the tests' own: ``MULTIRRELU_SITE`` names its folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SITE = Path(os.environ.get("MULTIRRELU_SITE", Path(__file__).parents[2] / ".nox" / "site"))
QUIET = ("sandbox", "first-run")
HERE_ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # whatever a page asks of elsewhere does not get out
FEWER = ("gpu", "quic", "background-networking", "component-update", "sync")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let tests run on every page, but for listings of source."""
    if "document" in metafunc.fixturenames:
        pages = [page.relative_to(SITE) for page in SITE.glob("**/*.html")]
        metafunc.parametrize("document", sorted(str(page) for page in pages if page.parts[0] not in ("_modules", "_static")))


class Silent(SimpleHTTPRequestHandler):
    """A file server that does not write a line for each request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the built site."""
    if not (SITE / "index.html").exists():
        pytest.skip(f"the site is not built: no {SITE / 'index.html'}; `nox -s docs` builds it")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(SITE))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    flags = [f"--no-{name}" for name in QUIET] + [f"--disable-{name}" for name in FEWER] + [HERE_ALONE]
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield made
        made.close()


@pytest.fixture(scope="session")
def context(browser: Any) -> Iterator[Any]:
    """What pages share: the cache."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as made:
        yield made


@pytest.fixture
def page(context: Any, site: str) -> Iterator[Any]:
    """A page that may talk to the site alone; whatever else it does fails the test."""
    wrong: list[str] = []
    with context.new_page() as made:
        watch(made, site, wrong)
        yield made
    assert wrong == []


def watch(page: Any, site: str, wrong: list[str]) -> None:
    """Keep every message, failed request, and request to elsewhere."""

    def note(bad: bool, text: str) -> None:
        if bad:
            wrong.append(text)

    page.on("request", lambda request: note(not request.url.startswith((site, "data:")), f"asks {request.url}"))
    # A page that is left or closed cancels what it was still fetching, which is no failure.
    page.on("requestfailed", lambda request: note(request.failure != "net::ERR_ABORTED", f"fails to get {request.url}"))
    page.on("response", lambda answer: note(answer.status >= 400, f"{answer.status} for {answer.url}"))
    page.on("console", lambda message: note(message.type in ("error", "warning"), f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: note(True, f"raises {error}"))
