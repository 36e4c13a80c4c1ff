"""What comes while one looks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from execdb.store.event import End, Exec
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Recording
from tests.cli.web.conftest import Serve
from tests.conftest import MACHINE, START_NS, an_exec, counts
from tests.store.writing.recordings import key

Visit = Callable[..., Page]


class Writer:
    """Stores events as a collector does."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path)
        self._recording = Recording(self._database, MACHINE, "0", START_NS)
        self._stored = 0

    def write(self, *execs: Exec, ends: tuple[End, ...] = ()) -> None:
        self._stored += len(execs)
        self._recording.write(execs, ends, counts(self._stored))

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def writer(db: Path) -> Writer:
    return Writer(db)


def live(page: Page) -> None:
    page.get_by_role("button", name="live").click()
    expect(page.locator("#live-note")).to_have_text("live")


def test_what_comes_is_shown_and_ends_are_filled_in(
    db: Path, writer: Writer, serve: Serve, visit: Visit
) -> None:
    before, hidden, new = an_exec(0, comm="old"), an_exec(1, comm="other"), an_exec(2, comm="new")
    writer.write(before)
    page = visit(f"{serve(db).address}&term=comm%21%3Dother")
    live(page)
    writer.write(hidden, new)
    first = page.locator("#rows tr[data-id]").first
    expect(first.locator(".comm")).to_have_text("new")
    expect(page.locator("#rows tr[data-id]")).to_have_count(2)
    writer.write(ends=(End(new.boot_ns + 3_000_000, key(new), 0x700),))
    expect(first.locator(".end")).to_have_text("7")
    expect(first.locator(".took")).to_have_text("3ms")
    writer.close()


@pytest.mark.thorough
def test_a_storm_is_bounded_and_said(db: Path, writer: Writer, serve: Serve, visit: Visit) -> None:
    writer.write(an_exec(0))
    page = visit(serve(db).address)
    live(page)
    page.evaluate(
        "window.updates = 0; new MutationObserver(() => window.updates++)"
        ".observe(document.querySelector('#rows tbody'), {childList: true})"
    )
    number = 1
    for _ in range(29):
        writer.write(*(an_exec(number + n) for n in range(211)))
        number += 211
    expect(page.locator("#live-note")).to_contain_text("too fast to be shown")
    last = an_exec(number, comm="last")
    writer.write(last)
    expect(page.locator("#rows tr[data-id] .comm").first).to_have_text("last")
    assert page.locator("#rows tr[data-id]").count() <= 2_000
    assert page.evaluate("window.updates") < 60
    writer.close()


def test_it_pauses_while_hidden(db: Path, writer: Writer, serve: Serve, visit: Visit) -> None:
    writer.write(an_exec(0))
    page = visit(serve(db).address)
    live(page)
    writer.write(an_exec(1, comm="one"))
    rows = page.locator("#rows tr[data-id]")
    expect(rows).to_have_count(2)
    hide = (
        "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.evaluate(hide, True)
    expect(page.locator("#live-note")).to_have_text("paused")
    writer.write(an_exec(2, comm="two"))
    expect(rows).to_have_count(2)
    page.evaluate(hide, False)
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="live").click()
    writer.close()
