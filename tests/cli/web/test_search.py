"""A search that takes long: the page says how far it has come, and goes on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from execdb.store.file.database import Database
from tests.cli.web.conftest import Serve
from tests.conftest import an_exec, recorded

Visit = Callable[..., Page]

_SLOW = "a" * 20 + "b"  # takes the expression below a tenth of a second
_TERM = "term=argv~%3D%5E%28a%2B%29%2B%24%7C%5Eneedle%24"  # argv~=^(a+)+$|^needle$
_SEGMENTS = 7


@pytest.fixture
def slow(database: Database) -> Database:
    """What is looked for is the oldest."""
    for n in range(_SEGMENTS):
        words = ("needle",) if n == 0 else ()
        recorded(database, [an_exec(100 * n + m, argv=("x", _SLOW, *words)) for m in range(3)])
    return database


def test_it_goes_on_by_itself(slow: Database, serve: Serve, visit: Visit) -> None:
    page = visit(f"{serve(slow.path).address}&{_TERM}")
    expect(page.locator("#rows tr[data-id]")).to_have_count(3)
    expect(page.locator("#rows tr.next")).to_have_count(0)


def test_without_a_script_a_link_goes_on(slow: Database, serve: Serve, visit: Visit) -> None:
    page = visit(f"{serve(slow.path).address}&{_TERM}", java_script_enabled=False)
    expect(page.locator("#rows tr.next")).to_contain_text("Searched back to 20")
    expect(page.locator("#rows tr[data-id]")).to_have_count(0)
    for _ in range(_SEGMENTS):
        if page.locator("#rows tr[data-id]").count() == 0:
            page.get_by_role("link", name="search on").click()
    expect(page.locator("#rows tr[data-id]")).to_have_count(3)


def test_that_nothing_was_found_is_said_at_the_end(
    slow: Database, serve: Serve, visit: Visit
) -> None:
    page = visit(f"{serve(slow.path).address}&{_TERM.replace('needle', 'pin')}")
    expect(page.locator("#rows tr.end")).to_have_text("No more events fulfil these terms.")
