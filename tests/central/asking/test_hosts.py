"""Several hosts in one store: which one is asked, and what cannot be asked."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from execdb.cli import main
from tests.central.asking.histories import a_build, oddities
from tests.central.conftest import Central, another, drop
from tests.central.server import PASSWORD, Server
from tests.conftest import MACHINE, Answer
from tests.running.thorough import first

Run = Callable[..., Answer]


@pytest.fixture(scope="module")
def hosts(
    server: Server, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Central]:
    """web1 and web2, with the same ids, and a host whose name is hostile. Tests only look at it."""
    central, folder = another(server, template_database), tmp_path_factory.mktemp("hosts")
    a_build(folder / "web1.db", "web1")
    for name in ("web2", "odd\x1b[31m"):
        machine = replace(MACHINE, host=name, boot_id=f"boot of {name}")
        oddities(folder / f"{name[:4]}.db", machine)
    for path in sorted(folder.glob("*.db")):
        assert main.run(["ship", "--to", central.url, "--once", "--db", str(path)]) == 0
    yield central
    drop(central)


@pytest.fixture
def changed(hosts: Central) -> Iterator[Central]:
    """The same, for a test to change."""
    hosts.hang_up()  # whoever is connected keeps a database from being copied
    yield (made := another(hosts.server, hosts.name))
    drop(made)


def test_a_host_is_chosen_by_a_term_or_an_option(hosts: Central, run: Run) -> None:
    counts = [
        int(run("query", *which, "--count", "--db", hosts.reader).out)
        for which in ([], ["host=web1"], ["--host", "web*"], ["host!=web1"], ["host=nobody"])
    ]
    assert counts == [3_107, 2_879, 2_993, 228, 0]


def test_events_name_their_hosts(hosts: Central, run: Run) -> None:
    table = run("query", "--limit", "30", "--format", "table", "--db", hosts.reader).out
    assert table.split("\n")[0].split()[:4] == ["id", "time", "(UTC)", "host"]
    assert "\x1b" not in table
    line = run("query", "--limit", "1", "--format", "line", "--db", hosts.reader).out
    assert line.split(" ")[1] in ("web2", "odd\\x1b[31m")
    one = run("query", "host=web1", "--limit", "1", "--format", "line", "--db", hosts.reader).out
    assert one.split(" ")[1].isdecimal()
    rows = run("query", "--limit", "60", "--format", "ndjson", "--db", hosts.reader).out
    assert {json.loads(row)["host"] for row in rows.splitlines()} == {"web2", "odd\x1b[31m"}


@pytest.mark.parametrize(
    "question", [["tree", "--id", "3"], ["tree", "5"], ["query", "--descendants-of", "3"]]
)
def test_an_id_of_several_hosts_needs_one(hosts: Central, run: Run, question: list[str]) -> None:
    code, out, err = run(*question, "--db", hosts.reader)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--host" in err
    assert "\x1b" not in err
    code, out, _ = run(*question, "--host", "web2", "--db", hosts.reader)
    assert code == 0


def test_a_tree_has_a_part_for_each_host(hosts: Central, run: Run) -> None:
    which = ("comm=true,cc1", "--limit", "0", "--db", hosts.reader)
    out = run("tree", *which).out
    headings = [line for line in out.splitlines() if line.startswith("host ")]
    assert headings == ["host odd\\x1b[31m", "host web1", "host web2"]
    trees = json.loads(run("tree", *which, "--format", "json").out)
    assert {tree["host"] for tree in trees} == {"odd\x1b[31m", "web1", "web2"}


def test_coverage_is_told_of_each_host(hosts: Central, run: Run) -> None:
    found = json.loads(run("coverage", "--format", "json", "--db", hosts.reader).out)
    assert {each["host"] for each in found} == {"odd\x1b[31m", "web1", "web2"}
    out = run("coverage", "--host", "web1", "--db", hosts.reader).out
    assert out.splitlines()[-1].endswith("2879 execs, 0 lost")
    code, out, _ = run("coverage", "--host", "nobody", "--strict", "--db", hosts.reader)
    assert (code, out) == (3, "no such host has recorded or shipped anything\n")
    code, _, err = run("query", "--count", "--strict", "--db", hosts.reader)
    assert code == 3
    assert "14 execs were lost in 2 periods" in err
    assert "on 2 hosts" in err


def test_groups_may_be_hosts(hosts: Central, run: Run) -> None:
    out = run("stats", "--by", "host", "--format", "json", "--db", hosts.reader).out
    assert {row["host"]: row["runs"] for row in json.loads(out)} == {
        "web1": 2_879,
        "web2": 114,
        "odd\x1b[31m": 114,
    }


def test_a_live_replay_is_of_one_host(changed: Central, run: Run) -> None:
    question = ("replay", "--live", "--dry-run", "--db", changed.reader)
    code, out, err = run(*question)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "of one host, not of 3: choose it by --host" in err
    assert run(*question, "--host", "web2").out.startswith("live replay: would be: ")
    # The events of another file of that host have the same ids.
    changed.rows("UPDATE execdb.run SET host = 'web2' WHERE host = 'web1'")
    code, out, err = run(*question, "--host", "web2")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "several files" in err
    number = changed.value("SELECT run_id FROM execdb.run WHERE host = 'web2' ORDER BY 1 LIMIT 1")
    assert run(*question, "--host", "web2", f"run_id={number}").code == 0


FORGED = [
    "uid = -5, euid = 1::bigint << 40, gid = -1",
    "argc = 1::bigint << 62, truncated = true",
    "argv = 'no list', filename = chr(1113856) || '/x', cwd = chr(1114111)",
    "pid = -1, ppid = -7, parent_id = id",
    "status = -77, duration_ns = -(1::bigint << 62), cpu_ns = -1",
    "boot_ns = -5, errno = 'EVIL', comm = '', filename = ''",
    "exe = 'memfd:', exe_deleted = true, cgroup = '/../..', message = repeat('x', 99999)",
]


@pytest.mark.thorough
def test_forged_events_are_refused_with_a_line_if_at_all(changed: Central, run: Run) -> None:
    url = ("--host", "web2", "--db", changed.reader)
    here = "run_id IN (SELECT run_id FROM execdb.run WHERE host = 'web2')"
    for forged in FORGED:
        changed.rows(f"UPDATE execdb.exec SET {forged} WHERE {here}")
        for command in (
            ["replay", "--live", "--dry-run", "--attempts"],
            ["config", "try", "uid=1"],
        ):
            code, _, err = run(*command, *url)
            assert code in (0, 1)
            assert not code or err.count("\n") == 1, err
            assert "unexpected" not in err, err


def test_rules_are_tried_on_one_host_or_all(hosts: Central, run: Run, db: Path) -> None:
    def tried(*options: str) -> tuple[int, int]:
        answer = run("config", "try", "comm=true", *options, "--format", "json")
        found = json.loads(answer.out)
        return found["execs"], found["filtered"]

    url = ("--db", hosts.reader)
    of = {name: tried("--host", name, *url) for name in ("web1", "web2", "odd*")}
    assert [execs for execs, _ in of.values()] == [2_879, 114, 114]
    assert of["web2"][1] > 0
    assert tried(*url) == tuple(map(sum, zip(*of.values(), strict=True)))
    code, out, err = run("config", "try", "comm=true", "--host", "web1", "--db", db)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_what_is_not_shipped_yet_is_missing(central: Central, run: Run, own_database: Path) -> None:
    oddities(own_database)
    assert run("ship", "--to", central.url, "--once").code == 0
    central.rows("UPDATE execdb.run SET ended = NULL, ended_ns = NULL WHERE local_run_id = 2")
    code, _, err = run("query", "--count", "--strict", "--db", central.reader)
    assert code == 3
    assert "was not shipped yet" in err
    out = run("coverage", "--since", "1d", "--db", central.reader).out
    assert "not shipped to the central store yet" in out


@pytest.mark.parametrize("ending", ["folded", "pftrace", "sqlite", "html"])
def test_exports_that_know_ids_take_one_host(
    hosts: Central, run: Run, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"x.{ending}"
    for which, number in (([], "3"), (["--host", "nobody"], "0")):
        code, out, err = run("export", file, *which, "--db", hosts.reader)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"of one host, not of {number}: choose it by --host" in err
    assert not file.exists()
    assert run("export", file, "--host", "web2", "--db", hosts.reader).code == 0
    assert file.stat().st_size > 0


@pytest.mark.parametrize(
    "command",
    [
        ["sql", "SELECT 1"],
        ["collect"],
        ["import", "x.ndjson"],
        ["compare", "1", "2"],
        ["mark"],
    ],
    ids=" ".join,
)
def test_what_works_on_files_says_so(central: Central, run: Run, command: list[str]) -> None:
    code, out, err = run(*command, "--db", central.reader)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert PASSWORD not in err


ASKING = [
    ["web", "--port", "0"],
    ["query"],
    ["coverage"],
    ["stats"],
    ["tree"],
    ["timeline"],
    ["new"],
    ["replay"],
]


@pytest.mark.parametrize("command", first(2, ASKING), ids=" ".join)
def test_a_failure_is_one_line_without_the_password(
    central: Central, empty: Central, run: Run, command: list[str]
) -> None:
    wrong = central.server.url(central.name, "alice", password=PASSWORD + "x")
    refused = central.server.url(central.name, port=1)
    for url in (wrong, refused, empty.admin, central.server.url("nothing"), central.url):
        code, out, err = run(*command, "--db", url)
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert PASSWORD not in err
    central.rows("UPDATE execdb.alembic_version SET version_num = '0001'")
    code, _, err = run(*command, "--db", central.reader)
    assert (code, err.count("\n")) == (1, 1)
    assert "execdb upgrade --db URL" in err


def test_a_question_that_takes_too_long_is_stopped(hosts: Central, run: Run) -> None:
    url = f"{hosts.reader}&options=-c%20statement_timeout%3D300ms"
    with psycopg.connect(hosts.admin) as connection:
        connection.execute(b"LOCK TABLE execdb.exec")
        code, _, err = run("stats", "--by", "command", "--db", url)
    assert (code, err.count("\n")) == (1, 1)
    assert "took too long" in err


def test_nothing_is_written_even_by_who_may(hosts: Central, run: Run) -> None:
    """A term is never SQL."""
    before = hosts.value("SELECT count(*) FROM execdb.exec")
    for text in ("comm=';DROP TABLE execdb.run;--", "argv=%s%(a)s", "comm=\\'", "cwd~=')|x"):
        assert run("query", text, "--count", "--db", hosts.admin).code in (0, 2)
    assert hosts.value("SELECT count(*) FROM execdb.exec") == before
