"""The page in one file, opened without any server."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from execdb.cli.web import one_file
from execdb.store.file.database import open_database
from tests.cli.conftest import Run, refused
from tests.cli.web.incident import SECRET
from tests.cli.web.test_hostile_names import hostile_exec, hostile_texts, nothing_broke_out
from tests.conftest import an_exec, recorded

Visit = Callable[..., Page]


@pytest.fixture
def exported(incident_db: Path, run: Run, tmp_path: Path) -> Path:
    file = tmp_path / "incident.html"
    assert run("export", file, "uid=33", "--db", incident_db).code == 0
    return file


def test_it_shows_the_incident_without_asking_anyone(exported: Path, visit: Visit) -> None:
    asked: list[str] = []
    page = visit("about:blank")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(exported.as_uri())
    assert asked == [exported.as_uri()]
    expect(page.locator("#time-head")).to_have_text("217 execs, 212 failed")
    expect(page.locator(".legend")).to_contain_text("23 execs were lost")
    expect(page.locator("#rows > tbody > tr")).to_have_count(217)
    assert page.evaluate("document.scripts.length") == 0
    page.locator("#rows > tbody > tr", has_text="shadow-7").first.get_by_text("started by").click()
    expect(page.locator("tr:target .comm")).to_have_text("kworkerd")
    page.locator("tr:target summary").click()
    expect(page.locator("tr:target .keys")).to_contain_text("/tmp/.x/kworkerd")
    started = page.locator("tr:target .gantt a")
    expect(started).to_have_count(211)  # as bars over time
    assert int(float(started.last.locator("rect").get_attribute("x") or 0)) > 500
    started.last.click()
    page.locator("tr:target summary").click()
    expect(page.locator("tr:target .ancestry li").nth(-2)).to_have_text(re.compile("^kworkerd"))
    page.locator("#timeline a").last.dispatch_event("click")
    assert re.search(r"#t\d+$", page.url)


def test_it_is_accessible(incident_db: Path, run: Run, tmp_path: Path, visit: Visit) -> None:
    file = tmp_path / "few.html"
    assert run("export", file, "comm=curl,kworkerd", "--db", incident_db).code == 0
    found = Axe().run(visit(file.as_uri()))
    assert found.violations_count == 0, found.generate_report()


def test_it_fits_a_phone(exported: Path, visit: Visit) -> None:
    page = visit(exported.as_uri(), viewport={"width": 360, "height": 740}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_secrets_are_hidden_unless_asked_for(
    exported: Path, incident_db: Path, run: Run, tmp_path: Path
) -> None:
    assert SECRET not in exported.read_text()
    assert "[redacted]" in exported.read_text()
    assert exported.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "open.html"
    assert run("export", other, "--no-redact", "--db", incident_db).code == 0
    assert SECRET in other.read_text()


def test_hostile_names_are_text(db: Path, run: Run, tmp_path: Path, visit: Visit) -> None:
    with open_database(db) as database:
        recorded(database, [hostile_exec(n, text) for n, text in enumerate(hostile_texts())])
    file = tmp_path / "hostile.html"
    assert run("export", file).code == 0
    page = visit(file.as_uri())
    nothing_broke_out(page, scripts=0)


def test_parents_in_a_circle_end(db: Path, run: Run, tmp_path: Path) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(1), an_exec(2)])
        database.connection.execute("UPDATE image SET parent_id = 3 - id")
    file = tmp_path / "circle.html"
    assert run("export", file).code == 0
    assert file.read_text().count('class="gantt"') == 2


def test_too_many_events_are_refused(
    incident_db: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_file, "EVENTS_MAX", 97)
    answer = run("export", tmp_path / "x.html", "--db", incident_db)
    refused(answer, 2, "982 events are too many", "97")
    assert not list(tmp_path.glob("x.html*"))


def test_an_empty_file_is_a_page(db: Path, run: Run, tmp_path: Path, visit: Visit) -> None:
    file = tmp_path / "empty.html"
    assert run("export", file).code == 0
    page = visit(file.as_uri())
    expect(page.locator(".file")).to_contain_text("nothing recorded")
