"""What questions cost on a large history, beside grep and ausearch on the same events."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.measure import proc
from tests.bench.measure.proc import Command
from tests.bench.peers.audit_log import audit_log
from tests.bench.peers.packages import SBIN, Unavailable, ensure
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Answer, Row
from tests.bench.table import answers, limits, publish
from tests.bench.workloads.fill import fill
from tests.bench.workloads.synthetic import MONTH_NS, RARE, START_NS, once

EVENTS = 10_000_003
LIMIT_MS = 150
_EXPORTED = 1_000_003  # for grep
_LOGGED = 100_003  # for ausearch
_TURNS = 5
_FLAT_KB = 4 * 1024

_END_S = (START_NS + MONTH_NS) // 10**9
_MINUTE_S = (_END_S - 3_600) // 60 * 60  # a whole one shortly before the end
_DAY_S = (_END_S // 86_400 - 1) * 86_400  # the last whole day (UTC)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(seconds: int) -> list[str]:
    """As ausearch reads it in the C locale: date and time of the local zone."""
    return datetime.fromtimestamp(seconds).strftime("%m/%d/%y %H:%M:%S").split()


@dataclass(frozen=True)
class Question:
    """The same question to three programs; None or empty where one cannot answer it."""

    asked: list[str]
    grep: str | None = None
    ausearch: list[str] = field(default_factory=list)
    limit: bool = True

    @property
    def name(self) -> str:
        return " ".join(self.asked)

    @property
    def query(self) -> list[str]:
        return ["query", *self.asked, *(["--limit", "20"] if self.limit else [])]

    @property
    def beside(self) -> list[str]:
        """A question for one event that needs the same imports: a time needs fewer than others."""
        condition = [] if "--since" in self.asked else ["--uid", str(RARE.uid)]
        return ["query", *condition, "--limit", "1"]


def questions_of(session: int, events: int) -> list[Question]:
    """`session` is the id of a login."""
    single = once(events)
    minute = ["--since", _time(_MINUTE_S), "--until", _time(_MINUTE_S + 60)]
    day = ["--since", _time(_DAY_S), "--until", _time(_DAY_S + 86_400)]
    to = ["-te", *_local(_MINUTE_S + 59)]
    return [
        Question(["--uid", str(RARE.uid)], f'"uid": {RARE.uid},', ["-ui", str(RARE.uid)]),
        Question(["--uid", "1000"], '"uid": 1000,', ["-ui", "1000"]),
        Question(["--comm", RARE.comm], f'"comm": "{RARE.comm}"', ["-c", RARE.comm]),
        Question(["--comm", "gcc"], '"comm": "gcc"', ["-c", "gcc"]),
        Question(["--path", RARE.path], f'"filename": "{RARE.path}"', ["-x", RARE.path]),
        Question(["--path", "/opt/*"], '"filename": "/opt/'),
        Question(["--arg", RARE.arg], RARE.arg),
        Question(["--arg", "src/module"], "src/module"),
        Question(["--arg", single], single),
        Question(["--arg", "nowhere-to-be-found"], "nowhere-to-be-found"),
        Question(["--message", RARE.message], f'"message": "{RARE.message}"'),
        Question(["--pid", "4242"], '"pid": 4242,', ["-p", "4242"]),
        Question(minute, f'"time": "{_time(_MINUTE_S)[:-4]}',
                 ["-ts", *_local(_MINUTE_S), *to], limit=False),
        Question(["--descendants-of", str(session)], limit=False),
        Question(["--count", *day], f'"time": "{_time(_DAY_S)[:11]}', limit=False),
    ]  # fmt: skip


def ask(events: int, write: Path | None, keep: Path | None) -> int:
    """Makes the history, asks, prints the table; 1 if a limit was missed. `keep` is where the
    history stays, or is already."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        folder = Path(name)
        db = keep or folder / "month.db"
        rows = [] if db.exists() else [_written(db, events)]
        fill("month", folder / "empty.db", 1)
        rows += _stream(db, folder)
        found = list(_answers(db, folder, events))
    held = all(answer.work_ms <= LIMIT_MS for answer in found)
    limit = f"each question <= {LIMIT_MS} ms beyond the start"
    worst = max(answer.work_ms for answer in found)
    rows.append(Row("questions", limit, f"at most {worst:.0f} ms", held))
    publish("questions", f"{answers(found)}\n{limits(rows)}\n{_notes(events)}", write)
    return int(any(row.held is False for row in rows))


def _written(db: Path, events: int) -> Row:
    say(f"a history of {events:,} events")
    filled = fill("month", db, events)
    text = f"{filled.rate:,.0f} events/s of CPU time, {filled.bytes_each:.0f} bytes each, peak "
    text += f"{filled.peak_kb / 1024:.0f} MiB (after a tenth {filled.tenth_kb / 1024:.0f})"
    flat = filled.peak_kb - filled.tenth_kb <= _FLAT_KB
    return Row(f"writing {filled.events:,} events", "memory flat", text, flat)


def _stream(db: Path, folder: Path) -> Iterator[Row]:
    """The latest million as NDJSON, kept for grep; memory is looked at on the way."""
    say("a million events as NDJSON")
    exported = folder / "export.ndjson"
    command: Command = [EXECDB, "--db", db, "query", "--limit", str(_EXPORTED)]
    with exported.open("wb") as file:
        streamed = proc.stream([*command, "--format", "ndjson"], file)
    rate = streamed.lines / streamed.taken.cpu_s
    text = f"{rate:,.0f} events/s of CPU time ({streamed.taken.wall_s:.1f} s in all)"
    what = f"query of {streamed.lines:,} events as ndjson"
    yield Row(what, ">= 100,000/s", text, rate >= 100_000)
    early, late = streamed.half_kb / 1024, streamed.peak_kb / 1024
    text = f"peak {late:.0f} MiB (after half {early:.0f})"
    yield Row("its memory", "flat", text, streamed.peak_kb - streamed.half_kb <= _FLAT_KB)


def _answers(db: Path, folder: Path, events: int) -> Iterator[Answer]:
    exported = folder / "export.ndjson"
    log = _ausearch_log(folder, events)
    for question in questions_of(session_of(db), events):
        say(question.name)
        command: Command = [EXECDB, "--db", db, *question.query]
        empty: Command = [EXECDB, "--db", folder / "empty.db", *question.beside]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # warms up
        number = int(out) if "--count" in question.asked else len(out.splitlines())
        turns = [(proc.run(command), proc.run(empty)) for _ in range(_TURNS)]
        yield Answer(
            question.name,
            number,
            [(own.cpu_s - other.cpu_s) * 1e3 for own, other in turns],
            [own.wall_s * 1e3 for own, _ in turns],
            _grep_ms(question, exported),
            _ausearch_ms(question, log),
        )


def session_of(db: Path) -> int:
    """The id of a login's first event; the last login may be incomplete."""
    command: Command = [
        EXECDB,
        "--db",
        db,
        "query",
        "--comm",
        "bash",
        "--limit",
        "2",
        "--format",
        "ndjson",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(json.loads(done.stdout.splitlines()[0])["id"])


def _grep_ms(question: Question, file: Path) -> float | None:
    if question.grep is None:
        return None
    return _ms(["grep", "-F", question.grep, str(file)])


def _ausearch_log(folder: Path, events: int) -> Path | None:
    try:
        ensure("ausearch", "auditd")
    except Unavailable as error:
        say(f"no ausearch: {error}")
        return None
    path = folder / "audit.log"
    with path.open("w") as log:
        log.writelines(audit_log(events, min(events, _LOGGED)))
    return path


def _ausearch_ms(question: Question, log: Path | None) -> float | None:
    if log is None or not question.ausearch:
        return None
    return _ms(["ausearch", "-if", str(log), "--raw", *question.ausearch])


def _ms(command: Sequence[str]) -> float:
    """CPU time of the better of two runs; exit code 1 is that nothing was found."""
    return min(_cpu_s(command) for _ in range(2)) * 1e3


def _cpu_s(command: Sequence[str]) -> float:
    environment = {**SBIN, "LC_ALL": "C"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    while process.stdout.read(1 << 20):  # a pipe: grep does less for /dev/null
        pass
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = process.stderr.read().decode().strip()
    if process.returncode not in (0, 1) or said not in ("", "<no matches>"):
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said}")
    return used.ru_utime + used.ru_stime


def _notes(events: int) -> str:
    return f"""\
{proc.machine()}. Measured with `python -m tests.bench {" ".join(sys.argv[1:])}`.

The history: {events:,} events over 30 days, a thousand command lines that recur and one event in
twenty with a new one, six users, logins of a thousand events each; {events // RARE.every} events
are of uid {RARE.uid} and `{RARE.path}`, each with `{RARE.arg}`; one alone has
`{once(events)}`. `--limit 20` is given but for the
last three.

- *work*: CPU time of the whole process less that of `query --limit 1`, with a condition where the
  question has one, on a database of one event, {_TURNS} times in turns. *whole*: its wall time,
  start included.
- *grep*: CPU time of `grep -F` for key and value in an NDJSON export of the latest {_EXPORTED:,}
  of the events. It has no limit, and cannot follow parents.
- *ausearch*: CPU time, in an audit log of the latest {_LOGGED:,} of the events, made up from them
  with five records each. It cannot search in arguments and knows no ancestors.
"""
