"""How long the page takes to answer on a large history: its first view and clicks from there."""

import html
import math
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row, Spread
from tests.bench.table import limits, publish
from tests.bench.workloads.fill import fill
from tests.bench.workloads.synthetic import MONTH_NS, RARE, START_NS, once

_TOO_SLOW = 503
_VIEW_S, _CLICK_S, _PSS_MAX_KB = 1.0, 0.3, 120_000
_TURNS = 5
_NOTES = """\
{events:,} events of a month. From the request to the last byte of the answer, without the browser;
medians of {turns} turns, with (least-greatest). *First view* is that of a server that has just
started; `inf` is an answer that was given up. A list that takes long comes in parts, and this is
the first of them. Memory is read at the end of all turns.

{machine}. Measured with `python -m tests.bench web`.
"""

Fetch = Callable[[str], tuple[float, str]]


def compare(events: int, write: Path | None, keep: Path | None) -> int:
    """Makes the history, asks, prints the table; 1 if a limit was missed. `keep` is where the
    history stays, or is already."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        db = keep or Path(name, "month.db")
        if not db.exists():
            say(f"a history of {events:,} events")
            fill("month", db, events)
        firsts = []
        for _ in range(_TURNS):
            with serving(db) as (_, fetch):
                firsts.append(fetch("/")[0])
        with serving(db) as (pid, fetch):
            clicks = list(_clicks(fetch, events))
            pss_kb = proc.pss_kb([pid])
    memory = f"Pss {pss_kb / 1024:.0f} MiB"
    rows = [
        _row("first view", firsts, _VIEW_S),
        *clicks,
        Row("memory", "<= 120 MB", memory, pss_kb * 1024 <= 120e6),
    ]
    notes = _NOTES.format(events=events, turns=_TURNS, machine=proc.machine())
    publish("web", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


@contextmanager
def serving(db: Path) -> Iterator[tuple[int, Fetch]]:
    """A server of its own: its pid, and how to ask it for an address."""
    command: proc.Command = [EXECDB, "--db", db, "web", "--port", "0"]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdout=pipe, stderr=null, text=True) as process:
        assert process.stdout is not None
        _, host, _, token, _ = urlsplit(process.stdout.readline().strip())
        try:
            with closing(HTTPConnection(host)) as connection:
                connection.request("GET", f"/?{token}")
                cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]
            yield process.pid, lambda address: _timed(host, cookie, address)
        finally:
            process.send_signal(signal.SIGTERM)


def _timed(host: str, cookie: str, address: str) -> tuple[float, str]:
    """How long the answer took, infinitely long if it was given up, and what it is."""
    with closing(HTTPConnection(host)) as connection:
        begun_s = time.monotonic()
        connection.request("GET", address, headers={"cookie": cookie})
        answer = connection.getresponse()
        text = answer.read().decode()
        took_s = time.monotonic() - begun_s
        assert answer.status in (200, _TOO_SLOW), text
        return took_s if answer.status == 200 else math.inf, text


def _clicks(fetch: Fetch, events: int) -> Iterator[Row]:
    _, first = fetch("/")
    asked = {
        "the next page of the list": _link(first, r'data-rows="([^"]+)"'),
        "an event": _link(first, r'class="time"><a href="([^"]+)"'),
        "an hour": _term(f"time={_before_the_last_day(3_600)}"),
        "a day": _term(f"time={_before_the_last_day(86_400)}"),
        f"uid={RARE.uid}": _term(f"uid={RARE.uid}"),
        "uid=1000": _term("uid=1000"),
        f"comm={RARE.comm}": _term(f"comm={RARE.comm}"),
        "comm=gcc": _term("comm=gcc"),
        "comm=gcc uid=4711": _term("comm=gcc") + "&" + _term("uid=4711")[2:],
        "--failed": _term("--failed"),
        "oldest first": "/?order=oldest",
        f"--arg={RARE.arg}": _term(f"--arg={RARE.arg}"),
        f"--arg={once(events)}": _term(f"--arg={once(events)}"),
        "argv~=nowhere.*found": _term("argv~=nowhere.*found"),
    }
    for what, address in asked.items():
        say(what)
        took_s = [fetch(address)[0] for _ in range(_TURNS)]
        is_term = "=" in what or what.startswith("--")
        yield _row(f"`{what}`" if is_term else what, took_s, _CLICK_S)


def _row(what: str, took_s: list[float], limit_s: float) -> Row:
    spread = Spread.of(took_s)
    text = f"{spread.median:.2f} s ({spread.least:.2f}-{spread.greatest:.2f})"
    return Row(what, f"<= {limit_s:g} s", text, spread.median <= limit_s)


def _link(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    assert found, pattern
    return html.unescape(found[1])


def _term(word: str) -> str:
    return f"/?term={quote(word)}"


def _before_the_last_day(seconds: int) -> str:
    end_s = (START_NS + MONTH_NS) // 10**9 - 86_400
    return f"@{end_s - seconds}..@{end_s}"
