"""A file into which that of another machine was merged."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from execdb.store.file.database import open_database
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Run
from tests.cli.web.conftest import Serve
from tests.conftest import MACHINE, START_NS, an_exec, counts

Visit = Callable[..., Page]


@pytest.fixture
def merged(db: Path, run: Run, tmp_path: Path) -> Path:
    other = tmp_path / "other.db"
    for path, host, number in ((db, "web1", 7), (other, "web2", 5)):
        with open_database(path, create=True) as database:
            machine = replace(MACHINE, host=host, boot_id=f"boot of {host}")
            recording = Recording(database, machine, "1", START_NS)
            recording.write([an_exec(n) for n in range(number)], [], counts(number))
            recording.finish(an_exec(60).time_ns, counts(number))
    assert run("import", other).code == 0
    return db


def test_each_row_names_its_host_and_a_host_can_be_chosen(
    merged: Path, serve: Serve, visit: Visit
) -> None:
    page = visit(serve(merged).address)
    expect(page.locator("#time-head")).to_have_text(re.compile("^12 execs"))
    hosts = page.locator("#rows td.host").all_inner_texts()
    assert (hosts.count("web1"), hosts.count("web2")) == (7, 5)
    page.locator(".hosts .only", has_text="web2").click()
    expect(page.locator("#time-head")).to_have_text(re.compile("^5 execs"))
    expect(page.locator("#rows .host")).to_have_count(0)
    page.locator("#rows .time a").first.click()
    expect(page.locator("#command-1")).to_have_value(re.compile("host=web2"))
