"""How the page looks and is used: on a phone, in the dark, without a script, by keyboard. The
pictures in docs/ are made here, with EXECDB_PICTURES=1."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.cli.web.conftest import Served
from tests.running.thorough import first

Visit = Callable[..., Page]
DOCS = Path(__file__).parents[3] / "docs"
PHONE = {"viewport": {"width": 360, "height": 740}}
DESK = {"viewport": {"width": 1_400, "height": 760}}


def kworkerd(incident: Served, page: Page) -> Page:
    page.goto(f"{incident.base}/?term=comm%3Dkworkerd")
    page.locator("#rows .time a").click()
    page.wait_for_selector(".gantt")
    return page


def picture(page: Page, name: str) -> None:
    if os.environ.get("EXECDB_PICTURES"):
        page.locator(".file").evaluate("each => each.textContent = '/var/lib/execdb/execdb.db'")
        page.screenshot(path=DOCS / name)


@pytest.mark.parametrize(
    ("look", "scheme"),
    first(1, [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")]),
    ids=["phone", "phone in the dark", "desk", "desk in the dark"],
)
def test_everything_fits_and_is_accessible(
    incident: Served, visit: Visit, look: dict[str, Any], scheme: str
) -> None:
    page = visit(incident.address, color_scheme=scheme, **look)
    axe = (look is PHONE) is (scheme == "light")  # each size and each scheme once: it is slow
    _check(page, axe=axe)
    if (look, scheme) == (DESK, "light"):
        picture(page, "page.png")
    _check(kworkerd(incident, page), axe=axe)
    if (look, scheme) == (DESK, "light"):
        picture(page, "page-event.png")
    page.goto(f"{incident.base}/?term=frobnicate")
    _check(page, axe=axe)


def _check(page: Page, *, axe: bool) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the window"
    if axe:
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_dark_is_dark(incident: Served, visit: Visit) -> None:
    page = visit(incident.address, color_scheme="dark")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, colour.strip("rgb()").split(","))) < 64


@pytest.mark.thorough
def test_without_a_script(incident: Served, visit: Visit) -> None:
    page = visit(f"{incident.address}&term=uid%3D33", java_script_enabled=False)
    assert page.locator("button:visible").count() == 1  # of the form
    page.get_by_role("link", name="older events").click()
    page.get_by_role("link", name="older events").click()
    page.get_by_role("link", name="to the start").click()
    page.fill("#line", "comm=kworkerd")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".chips li")).to_have_count(3)
    page.locator("#rows .time a").click()
    page.get_by_role("link", name="more").click()
    expect(page.locator(".children > li")).to_have_count(51)
    page.go_back()
    page.locator(".ancestry a", has_text="nginx").click()
    expect(page.locator("h1")).to_contain_text("nginx")
    page.goto(incident.base)
    page.locator("#timeline a").last.dispatch_event("click")
    expect(page.locator(".chips")).to_contain_text("time=")


def test_with_the_keyboard_alone(incident: Served, visit: Visit) -> None:
    page = visit(incident.address)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("uid=33")
    page.keyboard.press("Enter")
    page.wait_for_url("**uid**")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#rows .time a").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".ancestry")
    page.go_back()
    page.locator("#timeline").focus()
    page.keyboard.press("ArrowRight")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#chosen-text")).to_contain_text(" to ")
    page.keyboard.press("Escape")
    expect(page.locator("#chosen-text")).to_be_empty()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**time**")
