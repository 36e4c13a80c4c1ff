"""Several hosts on one page: which one is meant, and what is missing of which."""

import re
import shlex
from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.central.conftest import Central
from tests.central.server import PASSWORD
from tests.central.web.asking import Asking
from tests.central.web.conftest import HOSTILE
from tests.cli.web.conftest import Served
from tests.conftest import Answer

Visit = Callable[..., Page]
Run = Callable[..., Answer]
ESCAPED = HOSTILE.replace("\x1b", "\\x1b")


def test_each_event_names_its_host_and_a_host_can_be_chosen(page: Served, visit: Visit) -> None:
    shown = visit(page.address)
    expect(shown.locator("#time-head")).to_have_text(re.compile("^3,107 execs, "))
    expect(shown.locator(".state")).to_contain_text("the latest exec that 3 hosts shipped is of 20")
    expect(shown.locator(".hosts .only")).to_have_text([ESCAPED, "web1", "web2"])
    assert {*shown.locator("#rows td.host").all_inner_texts()} <= {ESCAPED, "web1", "web2"}
    missing = shown.locator(".hosts li", has_text="web2").get_by_role("img")
    expect(missing).to_have_attribute("aria-label", re.compile("7 execs were lost"))
    shown.locator(".hosts .only").first.click()
    expect(shown.locator(".chips li").first).to_contain_text("host=")
    expect(shown.locator("#time-head")).to_have_text(re.compile("^114 execs, "))
    expect(shown.locator(".hosts, #rows .host")).to_have_count(0)
    expect(shown.locator("rect[fill='url(#hatch-lossy)']").first).to_be_attached()
    shown.locator(".chips a").first.click()
    shown.locator(".hosts .not").first.click()
    expect(shown.locator("#time-head")).to_have_text(re.compile("^2,993 execs, "))
    expect(shown.locator(".hosts .only")).to_have_text(["web1", "web2"])


def test_an_event_is_that_of_its_host(page: Served, visit: Visit, run: Run, hosts: Central) -> None:
    for which in ("web1", "web2"):
        shown = visit(f"{page.address}&term=id%3D9&term=host%3D{which}")
        shown.locator("#rows .time a").click()
        expect(shown.locator(".keys tr:has(th:text-is('host'))")).to_contain_text(which)
        assert f"host={which}" in shown.url
        for number in (1, 2):
            command = shlex.split(shown.locator(f"#command-{number}").input_value())
            command = [word.replace("alice@", f"alice:{PASSWORD}@") for word in command]
            answer = run(*command[1:])
            assert answer.code == 0, answer.err
            assert answer.out.strip()
        shown.get_by_text("all descendants as a list").click()
        expect(shown.locator(".chips")).to_contain_text(f"host={which}")
        expect(shown.locator(".problem")).to_have_count(0)
        # Of several hosts an id alone is not enough.
        shown.goto(f"{page.base}/?term=--descendants-of%3D9")
        expect(shown.locator(".problem")).to_contain_text("choose one by --host")
    ask, init = Asking(page), "/event?boot_id=boot+of+host+0&boot_ns=7&pid=1"
    assert [ask(f"{init}{more}").status for more in ("", "&host=web2", "&host=web1")] == [
        200,
        200,
        404,
    ]


def test_every_address_that_it_leads_to_works(page: Served) -> None:
    ask = Asking(page)
    met, waiting = {"/"}, ["/", "/?order=oldest", "/?redact=1&term=--failed"]
    while waiting and len(met) < 120:
        said = ask(waiting.pop(0))
        assert said.status == 200, said.text
        assert PASSWORD not in said.text
        assert "<b>&'" not in said.text
        new = {link for link in said.links if link not in met and "/static/" not in link}
        met |= new
        waiting += sorted(new)


def test_more_of_the_list_comes_once(page: Served) -> None:
    """Ids of several hosts are equal, and so are times."""
    ask = Asking(page)
    for order in ("", "order=oldest&"):
        address, found = f"/rows?{order}term=host%21%3Dweb1", list[str]()
        while address:
            text = ask(address).text
            found += re.findall(r'data-id="([^"]+)"', text)
            address = next((link for link in ask(address).links if link.startswith("/rows")), "")
        assert (len(found), len({*found})) == (228, 228)


def test_it_is_accessible_and_fits_a_phone(page: Served, visit: Visit) -> None:
    shown = visit(page.address, viewport={"width": 360, "height": 740}, color_scheme="dark")
    assert shown.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    found = Axe().run(shown)
    assert found.violations_count == 0, found.generate_report()
