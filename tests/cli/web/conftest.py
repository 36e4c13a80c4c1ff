"""The page as it is served, and a real browser to look at it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.cli.web.incident import write_incident
from tests.conftest import EXECDB
from tests.processes.process import Process

_PATIENCE_MS = 60_000  # on a busy machine
_BROWSERS = "chromium", "chromium-browser", "google-chrome"
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Served(NamedTuple):
    """A running `execdb web`. `address` has the token, `base` does not."""

    process: Process[str]
    address: str

    @property
    def base(self) -> str:
        return self.address.partition("/?")[0]


Serve = Callable[..., Served]


@contextmanager
def serving(
    place: Path | str, *options: str, program: Sequence[str] = (str(EXECDB),), **environ: str
) -> Iterator[Served]:
    """`place` is a file or a URL, `environ` are more variables."""
    command = [*program, "web", "--db", str(place), "--port", "0", *options]
    environment = {**os.environ, "TZ": "UTC", **environ}
    with Process(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert address, process.stderr.read()
        try:
            yield Served(process, address)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert "Traceback" not in process.stderr.read()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that end with the test."""
    with ExitStack() as stack:
        yield lambda place, *options, **environ: stack.enter_context(
            serving(place, *options, **environ)
        )


@pytest.fixture(scope="module")
def incident_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("incident") / "incident.db"
    write_incident(path)
    return path


@pytest.fixture(scope="module")
def incident(incident_db: Path) -> Iterator[Served]:
    with serving(incident_db) as served:
        yield served


@pytest.fixture(scope="package")  # not longer: a loop of asyncio runs while it lasts
def browser() -> Iterator[Browser]:
    """In CI a missing browser is a failure."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        expect.set_options(timeout=_PATIENCE_MS)
        yield browser
        browser.close()


def _complaints(said: ConsoleMessage) -> list[str]:
    """A status such as 400 is an answer, no fault of the page."""
    expected = "Failed to load resource: the server responded with a status of 4" in said.text
    return [said.text] if said.type in ("error", "warning") and not expected else []


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens addresses in a browser of their own. Whatever the browser complains about, such as a
    script that the policy forbids, fails the test."""
    wrong: list[str] = []
    with ExitStack() as stack:

        def open_(address: str, **options: Any) -> Page:
            context = browser.new_context(**{"timezone_id": "UTC", **options})
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(_PATIENCE_MS)
            page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
            page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
            page.on("console", lambda said: wrong.extend(_complaints(said)))
            page.goto(address)
            return page

        yield open_
    assert wrong == []
