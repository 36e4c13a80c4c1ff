"""Histories to ship and to ask: a made-up server's two days, a recorded build, and oddities."""

import json
from pathlib import Path

from execdb.store.account import Account, ClockSet, Counts, FilterCause, Filtered, FilteredBy, Loss
from execdb.store.config.table import ConfigTable
from execdb.store.event import End, Exec
from execdb.store.file.database import open_database
from execdb.store.importing.importer import import_lines
from execdb.store.writing.marks import Mark, add_mark
from execdb.store.writing.recording import Machine, Recording
from tests.central.stores import RECENT_NS, some_execs
from tests.conftest import MACHINE, an_exec
from tests.trace import hello_build

MS, SECOND_NS = 1_000_000, 10**9


def a_build(path: Path, host: str = "buildhost") -> None:
    """The recorded build of GNU hello, as if it had been recorded here an hour ago."""
    events = [json.loads(line) for line in hello_build().splitlines()]
    later_ns = RECENT_NS - events[0]["time_ns"]
    for event in events:
        event |= {"time_ns": event["time_ns"] + later_ns, "host": host}
    begin_ns, end_ns = events[0]["time_ns"], events[-1]["time_ns"] + 60 * SECOND_NS
    with open_database(path, create=True) as database:
        import_lines(database, (json.dumps(event) for event in events))
        with database.writing() as connection:
            connection.execute(
                "UPDATE run SET kind = 'collect', global_id = ?, started_ns = ?, ended_ns = ?,"
                " alive_ns = ?, ended = 'clean', version = '1', kernel = '6.1', seen = stored",
                (int.from_bytes(host.encode()[:7]), begin_ns, end_ns, end_ns),
            )
        add_mark(database, Mark(begin_ns + 9 * SECOND_NS, 0, "deployed 23"))


def oddities(path: Path, machine: Machine = MACHINE) -> None:
    """Texts that are hard to carry, attempts, ends of all kinds, a clock that is set back, losses,
    rules, marks; and a second collector of the same boot whose parents the first one saw."""
    began_ns = RECENT_NS - 600 * SECOND_NS
    with open_database(path, create=True) as database:
        ConfigTable(database).set(501, "Hi user 501!")
        init = an_exec(0, boot_ns=7, time_ns=began_ns, pid=1, argv=("init",))
        daemon = an_exec(1, boot_ns=9, time_ns=began_ns, pid=5, argv=("daemon",), parent=_key(init))
        first = Recording(database, machine, "1", began_ns)
        first.know([init, daemon])
        _write_first(first, daemon)
        second = Recording(database, machine, "1", RECENT_NS + 60 * SECOND_NS)
        second.know([init, daemon])
        _write_second(second, daemon)
        add_mark(database, Mark(RECENT_NS + 1, 1000, "deployed 23"))


def _key(image: Exec) -> tuple[int, int]:
    return image.boot_ns, image.pid


def _write_first(recording: Recording, daemon: Exec) -> None:
    execs = [each._replace(parent=_key(daemon)) for each in some_execs(60)]
    refused = some_execs(3, 60)
    execs += [each._replace(errno="ENOENT") for each in refused]
    again = an_exec(70, time_ns=execs[-1].time_ns + MS, pid=execs[9].pid, parent=_key(execs[9]),
                    replaces=True, argv=("again", "--password", "hunter2"))  # fmt: skip
    set_back = [
        each._replace(time_ns=each.time_ns - 300 * SECOND_NS) for each in some_execs(20, 80)
    ]
    ends = [
        End(each.boot_ns + (n + 1) * 7 * MS, _key(each), (0, 256, 9, 15)[n % 4], n * MS, 4_096)
        for n, each in enumerate(execs[:50])
        if n != 9
    ]
    total = Counts(84 + 7 + 4, 84, 4, 7)
    by = FilteredBy(FilterCause.RULE, 3)
    at_ns = RECENT_NS + 30 * MS
    account = Account(
        alive_ns=RECENT_NS + 200 * MS - 300 * SECOND_NS,
        losses=[Loss(1, "ring full", at_ns, at_ns + MS, 7)],
        clock_sets=[ClockSet(RECENT_NS + 75 * MS, RECENT_NS + 75 * MS - 300 * SECOND_NS)],
        filtered=[Filtered(1, by, at_ns, at_ns + 9 * MS, 4)],
    )
    recording.write([*execs, again], ends, Counts(75, 64, 4, 7))
    recording.write(set_back, [], total, account)
    recording.finish(RECENT_NS + 200 * MS - 300 * SECOND_NS, total)


def _write_second(recording: Recording, daemon: Exec) -> None:
    at_ns = RECENT_NS + 60 * SECOND_NS
    execs = [each._replace(parent=_key(daemon)) for each in some_execs(30, 200, at_ns)]
    recording.write(execs, [], Counts(30, 30, 0, 0), Account(alive_ns=at_ns + SECOND_NS))
    recording.write([], [End(execs[3].boot_ns + MS, _key(execs[3]), 0)], Counts(30, 30, 0, 0))
    recording.finish(at_ns + 2 * SECOND_NS, Counts(30, 30, 0, 0))
