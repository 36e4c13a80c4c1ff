"""A history in which everything that blocks tell recurs, some of it seldom, and questions about it,
with a plain reading of them."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from execdb.store.event import End, Event, Exec
from execdb.store.fields import OF_THE_END
from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from execdb.store.schema import constants
from execdb.store.terms.term import Range, Term
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, a_filter, an_exec, counts, some_creds

S = 10**9
BLOCK = 1 << constants.BLOCK_BITS
SEGMENT = 5 * BLOCK + 7
BATCH = 613
ROWS = 3 * SEGMENT + 2 * BLOCK


def varied(count: int, seed: int) -> Iterator[Exec]:
    """Who and what recurs, some of it seldom; one command line in eight is new."""
    draw = random.Random(seed)
    for number in range(count):
        odd = draw.randrange(997)
        name = "needle" if odd == 1 else f"tool{draw.randrange(7)}"
        argv = [name, f"-j{draw.randrange(5)}"]
        argv += [f"/tmp/part-{number}.c"] * (odd % 8 == 0) + ["hay-needle"] * (odd == 2)
        uid = 23 if odd == 3 else draw.choice((0, 0, 501))
        yield an_exec(
            number,
            pid=300 + number % 1_009,
            ppid=7_919 if odd == 6 else 1 + number // BLOCK,
            creds=some_creds(uid, "Seldom" if odd == 4 else "Hi"),
            filename=f"/usr/bin/{name}",
            comm=name,
            argv=tuple(argv),
            errno="ENOENT" if odd == 5 else None,
        )


def store(database: Database, execs: list[Exec]) -> None:
    """In batches, by three collectors one after the other, in small segments."""
    third = len(execs) // 3 + 1
    for life in range(0, len(execs), third):
        recording = Recording(database, MACHINE, "0", START_NS)
        part = execs[life : life + third]
        for at in range(0, len(part), BATCH):
            batch = part[at : at + BATCH]
            recording.write(batch, [*ends(batch[::2])], counts(0))
            recording.write([], [*ends(batch[1::2])], counts(0))


def ends(execs: list[Exec]) -> Iterator[End]:
    """A few fail, a few last long. What was refused has no end, nor has every fifth."""
    for each in execs:
        number = (each.boot_ns - execs[0].boot_ns) // 1_000_000 + each.pid
        if each.errno is None and number % 5:
            status = {3: 9, 11: 256, 12: 139}.get(number % 499, 0)
            lasts_ns = {13: 2 * S, 21: 100 * S, 35: 5_000 * S}.get(number % 991, 1_000)
            used = ({21: 7 * S}.get(number % 983, 1_000), {19: 1 << 20}.get(number % 977, 4_000))
            yield End(each.boot_ns + lasts_ns, (each.boot_ns, each.pid), status, *used)


QUESTIONS: list[dict[str, Any]] = [
    {"uid": 23},
    {"uid": 501},
    {"uid": 7},
    {"message": "Seldom"},
    {"comm": "needle"},
    {"comm": "need*"},
    {"comm": "tool3"},
    {"path": "/usr/bin/needle"},
    {"arg": "hay"},
    {"arg": "part-1"},
    {"arg": f"part-{8 * BLOCK + 8}.c"},
    {"arg": "-j3"},
    {"arg": "nowhere"},
    {"uid": 23, "comm": "needle"},
    {"uid": 501, "comm": "needle", "arg": "-j"},
    {"uid": 23, "pid": 311},
    {"comm": "needle", "running": True},
    {"comm": "tool3", "failed": True},
    {"ppid": 7_919},
    {"failed": True},
    {"failed": False, "comm": "needle"},
    {"errno": "ENOENT"},
    {"signal": 9},
    {"exit_code": 1},
    {"exit_code": 0, "uid": 23},
    {"duration_ns": Range(S, None)},
    {"duration_ns": Range(90 * S, 200 * S)},
    {"duration_ns": Range(4_500 * S, None), "uid": 0},
    {"cpu_ns": Range(5 * S, None)},
    {"cpu_ns": Range(1_500, None)},
    {"cpu_ns": Range(5 * S, None), "duration_ns": Range(None, 9 * S)},
    {"max_rss_kb": Range(900_000, None)},
    {"running": True},
    {"running": True, "uid": 501},
    {"uid": 23, "since_ns": START_NS + 3_000_000_000, "until_ns": START_NS + 9_000_000_000},
]


def fits(event: Event, wanted: dict[str, Any]) -> bool:
    """The plain reading of a filter."""
    patterns = {"comm": event.comm, "path": event.filename}
    tests = {
        **{name: equals(getattr(event, name, None), value) for name, value in wanted.items()},
        **{
            name: value.startswith(wanted[name][:-1]) if wanted[name][-1] == "*" else
            value == wanted[name]
            for name, value in patterns.items() if name in wanted
        },
        "arg": any(wanted.get("arg", "") in argument for argument in event.argv),
        "failed": wanted.get("failed") is failed(event),
        "running": event.errno is None and event.ended is None,
        "since_ns": event.time_ns >= wanted.get("since_ns", 0),
        "until_ns": event.time_ns < wanted.get("until_ns", 1 << 63),
    }  # fmt: skip
    return all(tests[name] for name in wanted)


def equals(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Range):
        return value is not None and (wanted.least or 0) <= value <= (wanted.most or 1 << 63)
    return bool(value == wanted)


def failed(event: Event) -> bool | None:
    """None while it runs."""
    if event.errno is not None:
        return True
    return None if event.ended is None else event.exit_code != 0


def asking(wanted: dict[str, Any]) -> Filter:
    """The filter of a question: of terms about the end, and of short forms."""
    of_the_end = {name: wanted[name] for name in wanted if name in OF_THE_END or name == "errno"}
    terms = tuple(Term(name, (value,)) for name, value in of_the_end.items())
    rest = {name: value for name, value in wanted.items() if name not in of_the_end}
    short = a_filter(**rest)
    return replace(short, terms=(*short.terms, *terms))
