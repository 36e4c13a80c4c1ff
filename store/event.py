"""An event as the kernel reports it (Exec, End) and as it is stored and shown (Event).

Plain data: nothing here knows of BPF or SQL. Text is str throughout; bytes that are not UTF-8 are
kept as surrogate escapes (PEP 383).
"""

from typing import Annotated, NamedTuple

from execdb.store.kinds import Group, Kind
from execdb.store.times import rfc3339


class Command(NamedTuple):
    """What was started. Equal values are stored once."""

    filename: str
    comm: str
    argv: tuple[str, ...]
    argc: int
    truncated: bool


class Creds(NamedTuple):
    """Who started it, the message that the kernel found for the uid, and the generation of the
    config that it had (0: not known). Equal values are stored once."""

    uid: int
    euid: int
    gid: int
    loginuid: int | None
    sessionid: int | None
    tty: str | None
    message: str
    config_generation: int = 0


class Place(NamedTuple):
    """Where it was started. Equal values are stored once."""

    cwd: str | None
    cgroup: str | None


class Start(NamedTuple):
    """What recurs from exec to exec: who started what, and where; where failed attempts are
    recorded, also the name of the calling task. For equal starts a decoder should pass the same
    object: it is recognised by its identity, which is faster than comparing."""

    creds: Creds
    command: Command
    place: Place
    caller: str | None


ImageKey = tuple[int, int]  # identifies a process image: when it began (boot_ns), and its pid


class Exec(NamedTuple):
    """One exec, decoded, or, if `errno` is set, an attempt that failed. `time_ns` is the wall
    clock since 1970, `boot_ns` is CLOCK_BOOTTIME. `parent` is the image that called execve; if
    `replaces` is set, it was an image of the same process and this exec ended it."""

    time_ns: int
    boot_ns: int
    pid: int
    ppid: int
    start: Start
    parent: ImageKey | None
    replaces: bool
    errno: str | None

    @property
    def creds(self) -> Creds:
        return self.start.creds

    @property
    def command(self) -> Command:
        return self.start.command

    @property
    def place(self) -> Place:
        return self.start.place

    @property
    def caller(self) -> str | None:
        return self.start.caller


class End(NamedTuple):
    """The end of an image. `status` is encoded as by wait(2), or REPLACED."""

    boot_ns: int
    image: ImageKey
    status: int


REPLACED = -1  # instead of a status: the image ended because its process exec'd another


class Event(NamedTuple):
    """One row of the history, with the names and the order of the view `execs`.

    This is the only description of the keys of an event: type, kind, group and meaning. Output,
    import, reading and docs/schema.md follow from it, by way of store/fields.py.
    """

    id: Annotated[
        int, Kind.ROW, Group.ROW, "number of the row in this file; an import may change it"
    ]
    run_id: Annotated[
        int, Kind.ROW, Group.ROW, "run of the collector that recorded it; an import changes it"
    ]
    time_ns: Annotated[int, Kind.TIME, Group.ROW, "wall-clock time of the exec"]
    boot_ns: Annotated[
        int,
        Kind.INT64,
        Group.ROW,
        "`CLOCK_BOOTTIME` of the exec; the order of events and durations use it",
    ]
    boot_id: Annotated[str, Kind.TEXT, Group.BOOT, "id of the boot"]
    host: Annotated[str, Kind.TEXT, Group.BOOT, "name of the machine"]
    pid: Annotated[int, Kind.INT32, Group.ROW, "process id, in the initial PID namespace"]
    ppid: Annotated[
        int,
        Kind.INT32,
        Group.ROW,
        "process id of its parent at the exec, in the initial PID namespace",
    ]
    uid: Annotated[int, Kind.UID, Group.ORIGIN, "real user"]
    euid: Annotated[int, Kind.UID, Group.ORIGIN, "effective user, after the exec"]
    gid: Annotated[int, Kind.INT32, Group.ORIGIN, "real group"]
    loginuid: Annotated[
        int | None,
        Kind.UID,
        Group.ORIGIN,
        "user who logged in, kept through `sudo` and `su`; null if unset or without audit",
    ]
    sessionid: Annotated[int | None, Kind.INT32, Group.ORIGIN, "audit session; null likewise"]
    tty: Annotated[str | None, Kind.TEXT, Group.ORIGIN, "controlling terminal"]
    comm: Annotated[str, Kind.TEXT, Group.COMMAND, "task name of the new image, at most 15 bytes"]
    filename: Annotated[
        str, Kind.TEXT, Group.COMMAND, "path as given to the kernel; of a `#!` script the script"
    ]
    argv: Annotated[
        tuple[str, ...],
        Kind.TEXTS,
        Group.COMMAND,
        "every argument, as a JSON array; of a `#!` script the interpreter's",
    ]
    argc: Annotated[
        int, Kind.INT32, Group.COMMAND, "true number of arguments, even if `argv` was cut"
    ]
    truncated: Annotated[
        bool,
        Kind.BOOL,
        Group.COMMAND,
        "1 if `argv` (or `filename`, which then starts with `/...`) was cut or could not be read"
        " when it was recorded, or was cut by `--max-size` since, else 0; `true` or `false` in"
        " JSON",
    ]
    cwd: Annotated[
        str | None,
        Kind.TEXT,
        Group.ORIGIN,
        "current directory, from the root of the mount namespace; starts with `/...` where not all"
        " of it could be followed or kept",
    ]
    cgroup: Annotated[
        str | None, Kind.TEXT, Group.ORIGIN, "control group, version 2; starts with `/...` likewise"
    ]
    message: Annotated[
        str, Kind.TEXT, Group.ORIGIN, "message of the config for the uid, or the default one"
    ]
    config_generation: Annotated[
        int,
        Kind.GENERATION,
        Group.ORIGIN,
        "generation of the config that was in the kernel; 0 if it is not known (of imported events:"
        " that of the machine that recorded them)",
    ]
    errno: Annotated[
        str | None,
        Kind.ERRNO,
        Group.OUTCOME,
        "null for a success; `ENOENT`, `EACCES` and so on for a failed attempt",
    ]
    caller: Annotated[
        str | None,
        Kind.TEXT,
        Group.OUTCOME,
        "task name of the caller at the execve call; only with `--attempts`",
    ]
    ended: Annotated[
        str | None,
        Kind.ENDING,
        Group.OUTCOME,
        "`exit`, `signal`, or `exec` where another exec of the process took its place; null while"
        " it runs or if unknown",
    ]
    exit_code: Annotated[
        int | None, Kind.EXIT_CODE, Group.OUTCOME, "exit code, where `ended` is `exit`"
    ]
    signal: Annotated[
        int | None, Kind.SIGNAL, Group.OUTCOME, "number of the signal, where `ended` is `signal`"
    ]
    duration_ns: Annotated[int | None, Kind.DURATION, Group.ROW, "time from the exec to the end"]
    parent_id: Annotated[
        int | None,
        Kind.ROW,
        Group.ROW,
        "`id` of the image that started this one, in `execs` or `seen`, unless it was removed"
        " since; null if unknown",
    ]

    @property
    def time(self) -> str:
        """`time_ns` as RFC 3339, in UTC."""
        return rfc3339(self.time_ns)


def ending(status: int | None) -> tuple[str | None, int | None, int | None]:
    """(ended, exit_code, signal) for a status encoded as by wait(2), REPLACED or None."""
    if status is None:
        return None, None, None
    if status == REPLACED:
        return "exec", None, None
    signal = status & 0x7F
    return ("signal", None, signal) if signal else ("exit", status >> 8 & 0xFF, None)


def text_of(raw: bytes) -> str:
    """Bytes from the kernel as text. Bytes that are not UTF-8 become surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


def raw_of(text: str) -> bytes:
    """The inverse of text_of. Raises UnicodeEncodeError for text that no bytes decode to."""
    return text.encode("utf-8", "surrogateescape")
