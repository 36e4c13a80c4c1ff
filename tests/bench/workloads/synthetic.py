"""Histories made up for measuring: pure, the same each time, in batches as a collector has them.

`month` is a machine with several users; `builds` is the recorded build of GNU hello over and
over; `unlike` is the same with no two command lines alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from execdb.store.event import Command, Creds, End, Exec, ImageKey, Place, Start

BATCH = 2_000
START_NS = 1_760_000_000_000_000_000
BOOT_NS = 10**12  # the first event's
MONTH_NS = 30 * 86_400 * 10**9
SESSION = 1_000  # events from one login
PIDS = 32_003

Batch = tuple[list[Exec], list[End]]


@dataclass(frozen=True)
class Rare:
    """What `month` hides in its history for questions to find, every so many events."""

    uid = 4_711
    comm = "needle"
    path = "/opt/needle/bin/needle"
    arg = "hay-needle-stack"
    message = "needle here"
    every = 43_481  # a prime: 230 of ten million


RARE = Rare()
_UIDS = (0, 0, 0, 0, 1000, 1000, 1001, 33, 501)
_PLACES = tuple(
    Place(f"/home/user{n}/src/project-{n}", f"/user.slice/user-{1000 + n}.slice/session-{n}.scope")
    for n in range(29)
)
_PROGRAMS = ("gcc", "sed", "grep", "git", "cat", "rm", "expr", "ls", "python3", "mv")


def _creds(uid: int) -> Creds:
    login = None if uid in (0, 33) else uid
    message = RARE.message if uid == RARE.uid else "Hello World"
    return Creds(uid, uid, uid, login, login, "pts0" if login else None, message)


_CREDS = {uid: _creds(uid) for uid in (*_UIDS, RARE.uid)}


def _command(name: str, *arguments: str, path: str = "") -> Command:
    argv = (name, *arguments)
    path = path or f"/usr/bin/{name}"
    return Command(path, name[:15], argv, len(argv), False, *_file(path))


def _file(path: str) -> tuple[str, str, int, bool]:
    return path, "254:0", 260_000 + sum(path.encode()), False


def _ended(boot_ns: int, image: ImageKey, status: int = 0) -> End:
    """An end that comes with what the image cost."""
    lasted_ns = boot_ns - image[0]
    return End(boot_ns, image, status, lasted_ns * 7 // 11, 1_400 + lasted_ns // 1_009 % 30_011)


# A thousand that recur, a hundred bytes of argv on average.
_COMMANDS = tuple(
    _command(
        _PROGRAMS[n % len(_PROGRAMS)],
        "-O2",
        f"-DPART={n}",
        "-I/usr/include/project",
        *(f"src/module{n}/file{k}.c" for k in range(n % 5)),
    )
    for n in range(1_000)
)
_SHELL = _command("bash", "-l")
_NEEDLE = _command("needle", "--in", RARE.arg, path=RARE.path)


def month(events: int) -> Iterator[Batch]:
    """Thirty days, whatever the number of events: logins of a thousand events each, programs
    three deep, one command line in twenty new."""
    step_ns = MONTH_NS // events
    execs: list[Exec] = []
    ends: list[End] = []
    shell = make = (0, 0)
    for number in range(events):
        boot_ns = BOOT_NS + number * step_ns
        image = boot_ns, 300 + number % PIDS
        place = number % SESSION
        scattered = _scattered(number)
        parent: ImageKey | None
        if place == 0:
            ends += [_ended(boot_ns, key) for key in (make, shell) if number]
            shell, parent, command = image, None, _SHELL
        elif place % 100 == 1:
            ends += [_ended(boot_ns, make)] if place > 1 else []
            make, parent, command = image, shell, _COMMANDS[number // SESSION % 100]
        else:
            parent = make
            command = _ordinary(number, scattered)
            ends.append(_ended(boot_ns + scattered % 50_000_000, image, scattered % 7 // 6 << 8))
        rare = number % RARE.every == RARE.every - 1
        uid = RARE.uid if rare else _UIDS[number // SESSION % len(_UIDS)]
        where = _PLACES[number // SESSION % len(_PLACES)]
        ppid = parent[1] if parent else 1
        start = Start(_CREDS[uid], _NEEDLE if rare else command, where, None)
        execs.append(
            Exec(START_NS + number * step_ns, boot_ns, image[1], ppid, start,
                 parent, False, None)
        )  # fmt: skip
        if len(execs) == BATCH:
            yield execs, ends
            execs, ends = [], []
    yield execs, ends


def _scattered(number: int) -> int:
    return number * 2_654_435_761 % 2**32


def once(events: int) -> str:
    """Text in the arguments of one event alone, in the middle of `month`."""
    ordinary = (n for n in count(events // 2) if n % 100 > 1 and n % RARE.every != RARE.every - 1)
    number = next(n for n in ordinary if _scattered(n) % 20 == 0)
    return f"{_scattered(number):x}/part-{number}.c"


def _ordinary(number: int, scattered: int) -> Command:
    if scattered % 20 == 0:
        return _command("cc1", "-quiet", f"/tmp/build/{scattered:x}/part-{number}.c", "-o", "-")
    return _COMMANDS[(scattered >> 8) % 1_000 * (scattered >> 20) % 1_000]  # some more often


def builds(trace: list[dict[str, Any]], events: int, *, unlike: bool = False) -> Iterator[Batch]:
    """The build's execs as often as it takes, with parents by pid and an end each; with `unlike`,
    each command line a new one."""
    latest: dict[int, ImageKey] = {}
    execs: list[Exec] = []
    ends: list[End] = []
    for number, values in enumerate(repeated(trace, events)):
        argv = (*values["argv"], f"--number={number}") if unlike else tuple(values["argv"])
        exec_ = _exec_of(values, argv, latest.get(values["ppid"]))
        image = latest[exec_.pid] = exec_.boot_ns, exec_.pid
        execs.append(exec_)
        ends.append(_ended(exec_.boot_ns + 1_000_003 + number * 7_919 % 40_000_000, image))
        if len(execs) == BATCH:
            yield execs, ends
            execs, ends = [], []
    yield execs, ends


def repeated(trace: list[dict[str, Any]], events: int) -> Iterator[dict[str, Any]]:
    """The trace's events, one build after the other, in one boot."""
    lap_ns = trace[-1]["boot_ns"] - trace[0]["boot_ns"] + 10**9
    for number in range(events):
        lap, place = divmod(number, len(trace))
        values = trace[place]
        yield values | {
            "time_ns": values["time_ns"] + lap * lap_ns,
            "boot_ns": values["boot_ns"] + lap * lap_ns,
        }


def _exec_of(values: dict[str, Any], argv: tuple[str, ...], parent: ImageKey | None) -> Exec:
    creds = Creds(values["uid"], values["euid"], values["gid"], None, None, None, values["message"])
    file = _file(values["filename"])
    command = Command(values["filename"], values["comm"], argv, len(argv), False, *file)
    return Exec(
        values["time_ns"], values["boot_ns"], values["pid"], values["ppid"],
        Start(creds, command, Place("/root/hello", "/"), None), parent, False, None,
    )  # fmt: skip
