"""The same commands with --db URL print what the host's own file prints, but for ids of runs."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.cli import main
from tests.central.asking.histories import a_build, oddities
from tests.central.conftest import Central, another
from tests.central.server import Server
from tests.conftest import Answer
from tests.running.thorough import first
from tests.story import tell

Run = Callable[..., Answer]
NOW_NS = time.time_ns()
HISTORIES = {"oddities": oddities, "build": a_build, "story": tell}


class Both:
    """A file, and a central store that it was shipped to."""

    def __init__(self, run: Run, central: Central, path: Path) -> None:
        self._run, self._central, self._path = run, central, path
        rows = central.rows("SELECT run_id, local_run_id FROM execdb.run")
        self._runs = {str(run_id): str(local) for run_id, local in rows}

    def asked(self, *arguments: object) -> tuple[Answer, Answer]:
        """What the file and the store say to the same arguments."""
        own = self._run(*arguments, "--db", self._path)
        far = self._run(*arguments, "--db", self._central.reader)
        return own, Answer(far.code, self.local(far.out), self.local(far.err))

    def of_file(self, *arguments: object) -> Answer:
        return self._run(*arguments, "--db", self._path)

    def of_store(self, *arguments: object) -> Answer:
        return self._run(*arguments, "--db", self._central.reader)

    def local(self, text: str) -> str:
        """With the file's numbers of runs and its own name."""
        text = re.sub(r"\d{10,}", lambda found: self._runs.get(found[0], found[0]), text)
        return re.sub(r"postgresql://\S*[^\s:,]", str(self._path), text)


@pytest.fixture(scope="module", params=first(1, HISTORIES))
def shipped(
    request: pytest.FixtureRequest,
    server: Server,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Central, Path]:
    central = another(server, template_database)
    path = tmp_path_factory.mktemp("shipped") / "execdb.db"
    HISTORIES[request.param](path)
    assert main.run(["ship", "--db", str(path), "--to", central.url, "--once"]) == 0
    return central, path


@pytest.fixture
def both(shipped: tuple[Central, Path], run: Run, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Both are asked at the same moment."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW_NS)
    return Both(run, *shipped)


def _questions() -> Iterator[list[str]]:
    """Of every kind of term, option and format."""
    terms = [
        "comm=gcc,cc1,true,sh", "comm!=sed", "comm=c*", "filename=/usr/*", "filename!=*bin*",
        "exit_code=1..", "exit_code=0", "exit_code!=0", "exit_code=null", "duration=5ms..1m",
        "duration=..5ms", "errno=null", "errno=ENOENT", "errno!=null", "signal=KILL", "signal=9,15",
        "signal!=null", "uid=0", "uid=1000..1999", "uid!=0", "euid=0", "gid=0", "loginuid=null",
        "loginuid=1000", "tty=*0", "tty=null", "argv=*hello*", "argv=-c", "argv!=-c",
        "argv~=^-O[0-9]$", "argv!~=c$", "command~=gcc.*-c", "command!~=gcc", "command=true",
        "comm~=^c.1$", "filename~=lib(exec)?/", "cwd~=home", "cwd!~=home", "cwd_deleted=true",
        "exe_deleted=yes", "exe=*dash*", "exe!=null", "container!=null", "container=*",
        "cgroup=null",
        "host!=nobody", "boot_id~=-", "pid=1000..1050", "ppid=1", "parent_id=1",
        "parent_id=null", "parent_id!=null", "truncated=false", "argc=1", "message=H*",
        "message!=Hello World", "config_generation=1..", "ended=exec", "ended!=exit", "caller=null",
        "cpu=1ms..", "max_rss_kb=1..", "id=3..9", "time=2000-01-01..", "argv=*\udcff*", "argv=*%_*",
        "tty=*\\\\N*", "cwd=*caf?*",
    ]  # fmt: skip
    yield from ([term] for term in terms)
    yield from ([option] for option in ("--failed", "--succeeded", "--running", "--replays"))
    yield ["comm=cc1,gcc", "argv=*-c*", "exit_code=0", "--reverse", "--limit", "7"]
    yield ["--since", "mark:deployed 23"]
    yield ["--arg", "hello", "--limit", "3"]
    yield ["--descendants-of", "1"]
    yield ["--descendants-of", "-1", "comm!=make"]
    yield ["--descendants-of", "99999999"]


@pytest.mark.parametrize("question", [*_questions()], ids=" ".join)
def test_query_says_the_same(both: Both, question: list[str]) -> None:
    for more in (["--format", "ndjson"], ["--count"]):
        if more != ["--count"] or "--limit" not in question:
            own, far = both.asked("query", *question, *more)
            assert far == own


@pytest.mark.parametrize(
    "how",
    [
        *(["--format", name] for name in ("table", "line", "plain", "json", "ndjson", "csv")),
        ["--columns", "id,user,end,took,command", "--wide"],
        ["--columns", "id,argv,exe", "--format", "csv"],
        ["--sort", "duration", "--limit", "9", "--format", "table"],
        ["--sort", "comm"],
        ["--utc", "--numeric", "--format", "table", "--limit", "20"],
        ["--redact", "--limit", "40"],
        ["--reverse"],
        ["--reverse", "--limit", "5"],
        ["--limit", "5"],
        ["--limit", "11000", "--count"],
        ["--strict", "--limit", "3"],
        ["--since", "1d"],
        ["--since", "2h", "--until", "30m", "--strict", "--count"],
    ],
    ids=" ".join,
)
def test_every_format_is_the_same(both: Both, how: list[str]) -> None:
    own, far = both.asked("query", *how)
    assert far == own
    assert own.code in (0, 3)


@pytest.mark.parametrize(
    "command",
    [
        ["coverage"],
        ["coverage", "--format", "json"],
        ["coverage", "--since", "2026-01-01", "--until", "1m", "--strict"],
        ["stats"],
        ["stats", "--by", "uid,comm", "--format", "json"],
        ["stats", "--by", "command", "--format", "csv", "--sort", "self"],
        ["stats", "--by", "boot_id,ended,exit_code,truncated", "--sort", "first"],
        ["stats", "--by", "argv,cwd_deleted,tty", "--format", "json"],
        ["stats", "argv~=.", "--by", "filename"],
        ["stats", "--failed", "--since", "2d", "--limit", "3"],
        ["stats", "--descendants-of", "1", "--sort", "runs"],
        ["tree"],
        ["tree", "--depth", "1"],
        ["tree", "--id", "1"],
        ["tree", "--id", "3", "--up", "--format", "json"],
        ["tree", "--id", "-1", "--down", "--depth", "2", "--numeric"],
        ["tree", "--id", "2", "--limit", "9"],
        ["tree", "--id", "99999999"],
        ["tree", "--failed"],
        ["tree", "--failed", "--down", "--limit", "12", "--format", "json"],
        ["tree", "comm=nothing"],
        ["tree", "1009"],
        ["tree", "1"],
        ["tree", "--id", "1", "comm=cc1,true"],
        ["timeline", "--format", "json"],
        ["timeline", "--utc", "--every", "1h"],
        ["timeline", "--failed", "--by", "comm", "--format", "csv"],
        ["timeline", "argv~=.", "--since", "2d", "--by", "host"],
        ["new", "--since", "2d", "--baseline", "all"],
        ["new", "--since", "8h", "--baseline", "7d", "--format", "json"],
        ["new", "--since", "2h", "--by", "comm,cwd", "--format", "csv"],
        ["new", "argv~=.", "--since", "2h", "--baseline", "all", "--by", "comm"],
        ["replay", "--live", "--dry-run"],
        ["replay", "--live", "--dry-run", "--attempts", "--failed", "--strict"],
        ["replay", "--live", "--dry-run", "comm=cc1,true", "--rate", "50"],
        ["replay", "--live", "--dry-run", "--descendants-of", "1"],
        ["config", "try", "comm=cc1,sh,true", "--limit", "0"],
        ["config", "try", "uid=0", "filename=/bin/*", "--format", "json"],
        ["config", "try", "loginuid=null", "--since", "2h", "--strict"],
        ["replay", "--speed", "0"],
        ["replay", "--speed", "0", "--format", "ndjson", "--failed", "--strict"],
    ],
    ids=" ".join,
)
def test_what_is_summed_up_or_drawn_is_the_same(both: Both, command: list[str]) -> None:
    own, far = both.asked(*command)
    within_s = r"in \d+\.\d+ s\b"  # of a replay
    assert re.sub(within_s, "", str(far)) == re.sub(within_s, "", str(own))


@pytest.mark.parametrize("ending", ["ndjson", "csv", "folded"])
def test_an_export_is_the_same(both: Both, tmp_path: Path, ending: str) -> None:
    own, far = tmp_path / f"own.{ending}", tmp_path / f"far.{ending}"
    assert both.of_file("export", own).code == 0
    assert both.of_store("export", far).code == 0
    assert both.local(far.read_text(errors="surrogateescape")) == own.read_text(
        errors="surrogateescape"
    )


@pytest.mark.parametrize("which", [["--no-redact"], ["comm=cc1,gcc,true,again", "--since", "90m"]])
def test_a_page_in_a_file_is_the_same(both: Both, tmp_path: Path, which: list[str]) -> None:
    own, far = tmp_path / "own.html", tmp_path / "far.html"
    assert both.of_file("export", own, *which).code == 0
    assert both.of_store("export", far, *which).code == 0
    assert both.local(far.read_text()) == own.read_text()
    assert far.stat().st_mode & 0o777 == 0o600


def test_a_trace_is_the_same(both: Both, tmp_path: Path) -> None:
    own, far = tmp_path / "own.pftrace", tmp_path / "far.pftrace"
    assert both.of_file("export", own).code == 0
    assert both.of_store("export", far).code == 0
    assert far.read_bytes() == own.read_bytes()


def test_a_flat_file_is_the_same(both: Both, tmp_path: Path) -> None:
    dumps = []
    for ask, path in ((both.of_file, tmp_path / "own.db"), (both.of_store, tmp_path / "far.db")):
        assert ask("export", path).code == 0
        with closing(sqlite3.connect(path)) as connection:
            connection.text_factory = lambda text: text.decode(errors="replace")
            dumps.append(both.local("\n".join(connection.iterdump())))
    own, far = dumps
    assert far == own
