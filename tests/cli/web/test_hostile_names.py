"""Names and arguments that would like to be more than text."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from execdb.cli.output.escape import escape
from execdb.store.event import Exec, Place, text_of
from execdb.store.fields import FIELDS
from execdb.store.file.database import open_database
from tests.cli.web.conftest import Served, serving
from tests.conftest import an_exec, recorded, some_creds
from tests.fuzz.mutate import Mutator, seed_of_this_run

Visit = Callable[..., Page]
COUNT = 307
FIELD_NAMES = [field.name for field in FIELDS]
PAYLOADS = (
    "<script>document.title='pwned'</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></svg></table><h1>broken",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}${7*7}",
    "]]><!--",
    "&lt;b&gt;&amp;&#x3c;",
    "</script><script>alert(1)</script>",
    "data: x\n\nevent: y\ndata: {}",
    "\u202egnp.exe\u202c\u2066\u200b\ufeff",
    "a\r\nSet-Cookie: x=1",
    "?term=x&token=y#z",
    "%3Cscript%3E%00%ff../../..//evil.example",
    "\x1b[2J\x1b]0;title\x07\x00"[:-1],
    "comm=gcc,cc1*?\\null",
    "null",
    "\udcff\udcfe<b>",
    "--since=2h",
)


def hostile_texts() -> Iterator[str]:
    seed = seed_of_this_run()
    print(f"FUZZ_SEED={seed}")
    yield from PAYLOADS
    valid = [text.encode("utf-8", "surrogateescape") for text in PAYLOADS]
    for raw in Mutator(random.Random(seed), valid).inputs(COUNT - len(PAYLOADS)):
        yield text_of(raw.replace(b"\0", b"0")) or "x"


def hostile_exec(number: int, text: str) -> Exec:
    return an_exec(
        number,
        filename=f"/{text}",
        comm=text[:15],
        argv=(text, text),
        creds=some_creds(number % 3, text[:4], tty=text),
        place=Place(text, f"/{text}"),
        parent=None if number == 0 else (5_000_000_000, 1_000),
    )


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return list(hostile_texts())


@pytest.fixture(scope="module")
def hostile(
    texts: list[str], template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("hostile") / "<b onclick=alert(1)>'\".db"
    path.write_bytes(template.read_bytes())
    with open_database(path) as database:
        recorded(database, [hostile_exec(n, text) for n, text in enumerate(texts)])
    with serving(path) as served:
        yield served


def nothing_broke_out(page: Page, scripts: int = 1) -> None:
    assert page.evaluate("document.scripts.length") == scripts
    assert "pwned" not in page.title() or "<" in page.title()
    strange = "img, iframe, object, embed, base, body style, h1 h1, math, b"
    assert page.evaluate(f"document.querySelectorAll({strange!r}).length") == 0
    attributes = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
        ".filter(name => name.startsWith('on') || name === 'style')"
    )
    assert attributes == []
    addresses = page.evaluate("[...document.links].map(link => link.href.baseVal ?? link.href)")
    ours = page.url.partition("#")[0] if page.url.startswith("file:") else page.evaluate("origin")
    assert [each for each in addresses if not each.startswith(ours)] == []


def test_they_are_text_in_the_list(hostile: Served, visit: Visit, texts: list[str]) -> None:
    page = visit(f"{hostile.address}&order=oldest")
    while page.locator("#rows tr.next").count():
        page.mouse.wheel(0, 100_000)
        page.wait_for_timeout(10)
    nothing_broke_out(page)
    shown = page.evaluate("[...document.querySelectorAll('td.comm')].map(e => e.textContent)")
    assert shown == [escape(text[:15]) for text in texts]


@pytest.mark.thorough
def test_they_are_text_in_details_and_terms(
    hostile: Served, visit: Visit, texts: list[str]
) -> None:
    page = visit(f"{hostile.address}&order=oldest")
    links = [each.get_attribute("href") for each in page.locator("#rows .time a").all()]
    for link, text in list(zip(links, texts, strict=False))[: len(PAYLOADS)]:
        page.goto(f"{hostile.base}{link}")
        nothing_broke_out(page)
        assert page.locator(".ancestry li").last.inner_text().startswith(escape(text[:15])[:1])
        only = page.locator(".keys tr").nth(FIELD_NAMES.index("comm")).locator("a")
        page.goto(f"{hostile.base}{only.get_attribute('href')}")
        nothing_broke_out(page)
        found = page.locator("td.comm").all_inner_texts()
        assert found, text
        assert {each.strip() for each in found} == {escape(text[:15]).strip()}


@pytest.mark.thorough
def test_they_are_text_in_what_was_typed(hostile: Served, visit: Visit) -> None:
    page = visit(hostile.address)
    for text in PAYLOADS[:10]:
        page.fill("#line", f"'comm={text}'" if "'" not in text else f'"comm={text}')
        with page.expect_navigation():
            page.keyboard.press("Enter")
        nothing_broke_out(page)


def test_they_are_text_when_children_are_opened(hostile: Served, visit: Visit) -> None:
    page = visit(f"{hostile.address}&order=oldest")
    page.locator("#rows .time a").first.click()
    page.wait_for_selector(".children")
    page.evaluate("document.querySelectorAll('.children details').forEach(d => d.open = true)")
    page.wait_for_function(
        "[...document.querySelectorAll('.children > li > details')].every(d => d.dataset.loaded)"
    )
    nothing_broke_out(page)
