"""An incident, from the time line to the culprit, as someone clicks through it."""

import re
import shlex
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.cli.conftest import Execdb
from tests.cli.web.conftest import Served
from tests.cli.web.incident import SECRET

Visit = Callable[..., Page]


def programs(page: Page) -> list[str]:
    return page.locator("#rows td.comm").all_inner_texts()


def highest_bar(page: Page) -> str:
    """The address of the interval with the most failures."""
    bars = page.locator("#timeline a").all()
    titles = [bar.get_attribute("aria-label") or "" for bar in bars]
    failed = [int(re.findall(r"(\d+) failed", title)[0]) for title in titles]
    return bars[failed.index(max(failed))].get_attribute("href") or ""


def test_from_the_time_line_to_the_culprit(incident: Served, visit: Visit, execdb: Execdb) -> None:
    page = visit(incident.address)
    assert "token" not in page.url
    expect(page.locator("#time-head")).to_have_text("982 execs, 238 failed")
    expect(page.locator(".legend")).to_contain_text("the collector had crashed")
    expect(page.locator(".legend")).to_contain_text("23 execs were lost")

    page.goto(incident.base + highest_bar(page))  # as a click on it
    page.get_by_role("link", name="other exit code", exact=True).click()
    expect(page.locator(".chips")).to_contain_text("exit_code=1..")
    expect(page.locator("#time-head")).to_contain_text("failed")
    assert set(programs(page)) == {"cat"}

    page.locator("#rows .time a").first.click()
    steps = page.locator(".ancestry li").all_inner_texts()
    assert [step.split()[0] for step in steps] == ["nginx", "sh", "kworkerd", "cat"]
    page.locator(".ancestry a", has_text="kworkerd").click()
    expect(page.locator("h1")).to_contain_text("kworkerd")
    expect(page.locator("main")).to_contain_text("Ended by SIGKILL after 10 min 0 s.")
    bars = page.locator(".gantt a").all_inner_texts()
    assert [bar.split()[0] for bar in bars] == ["id", "curl", "chmod", "kworkerd"]

    command = page.locator("#command-1").input_value()
    assert "kworkerd" in execdb(*shlex.split(command)[1:]).stdout
    page.go_back()
    expect(page.locator(".ancestry li").last).to_contain_text("cat")


@pytest.mark.thorough
def test_an_address_is_all_that_a_ticket_needs(incident: Served, visit: Visit) -> None:
    page = visit(incident.address)
    page.fill("#line", "comm=kworkerd 'command~=-o pool'")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chips a[title]")
    address = page.url
    page.locator("#rows .time a").click()
    event = page.url
    assert "boot_id=" in event
    assert "boot_ns=" in event
    other = visit(incident.address)
    other.goto(address)
    assert programs(other) == ["kworkerd"]
    other.goto(event)
    expect(other.locator("h1")).to_contain_text("kworkerd")
    other.get_by_role("link", name="Back to the list").click()
    assert programs(other) == ["kworkerd"]
    other.locator(".chips a", has_text="comm=kworkerd").click()
    expect(other.locator(".chips li")).to_have_count(2)


@pytest.mark.thorough
def test_a_time_is_chosen_by_dragging_and_back_works(incident: Served, visit: Visit) -> None:
    page = visit(incident.address)
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    middle = box["y"] + 60
    page.mouse.move(box["x"] + box["width"] * 0.75, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=5)
    expect(page.locator("#chosen-text")).to_contain_text(" to ")
    page.mouse.up()
    page.wait_for_url("**time*")
    number = page.locator("#time-head").inner_text()
    assert number != "982 execs, 238 failed"
    page.get_by_role("link", name="zoom out").click()
    page.wait_for_url(lambda url: "time" in url)
    page.get_by_role("link", name="all times").click()
    expect(page.locator("#time-head")).to_have_text("982 execs, 238 failed")
    page.go_back()
    page.go_back()
    expect(page.locator("#time-head")).to_have_text(number)


@pytest.mark.thorough
def test_the_list_loads_as_one_scrolls(incident: Served, visit: Visit) -> None:
    page = visit(f"{incident.address}&term=uid%3D33")
    rows = page.locator("#rows tr[data-id]")
    expect(page.locator("#rows tr.next")).to_have_count(1)
    while page.locator("#rows tr.next").count():
        page.mouse.wheel(0, 100_000)
        page.wait_for_timeout(10)
    ids = [int((each.get_attribute("data-id") or "").partition("_")[2]) for each in rows.all()]
    assert len(ids) == len(set(ids)) == 217
    assert programs(page)[-1] == "nginx"


@pytest.mark.thorough
def test_children_load_when_they_are_opened(incident: Served, visit: Visit) -> None:
    page = visit(f"{incident.address}&term=comm%3Dnginx")
    page.locator("#rows .time a").click()
    page.locator(".children summary").first.press("Enter")
    expect(page.locator(".children .children > li")).to_have_count(4)


def test_secrets_are_hidden_by_the_switch(incident: Served, visit: Visit) -> None:
    page = visit(f"{incident.address}&term=comm%3Dcurl")
    expect(page.locator("#rows")).to_contain_text(SECRET)
    page.get_by_role("link", name="hide secrets").click()
    expect(page.locator("#rows")).to_contain_text("[redacted]")
    assert SECRET not in page.content()
    page.locator("#rows .time a").click()
    expect(page.locator(".line")).to_contain_text("[redacted]")
    assert SECRET not in page.content()


def test_what_is_wrong_with_a_term_is_said_as_on_the_command_line(
    incident: Served, visit: Visit, execdb: Execdb
) -> None:
    page = visit(incident.address)
    page.fill("#line", "exit_code=many")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    said = page.locator(".problem").inner_text()
    assert said in execdb("query", "exit_code=many").stderr
    assert said.endswith("is not an exit code, 0 to 255")
