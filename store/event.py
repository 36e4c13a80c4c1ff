"""An event in its forms: as the kernel tells it (Exec) and as it is stored (Event).

Plain data; nothing here knows of BPF or SQL. Text is str throughout; bytes that
are not UTF-8 are carried as surrogate escapes (PEP 383).
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple


class Command(NamedTuple):
    """What was started. Equal commands are stored once."""

    filename: str
    comm: str
    argv: tuple[str, ...]
    argc: int
    truncated: bool


class Creds(NamedTuple):
    """Who started it, and the message the kernel found for the uid. Equal ones are stored once."""

    uid: int
    euid: int
    gid: int
    loginuid: int | None
    sessionid: int | None
    tty: str | None
    message: str


class Place(NamedTuple):
    """Where it was started. Equal ones are stored once."""

    cwd: str | None
    cgroup: str | None


class Start(NamedTuple):
    """What recurs from exec to exec: who started what, and where; with attempts also the name
    of the calling task. Whoever makes many events hands the same object over for the same start:
    it is then known by its identity, which costs nothing."""

    creds: Creds
    command: Command
    place: Place
    caller: str | None


ImageKey = tuple[int, int]  # a process image: when it began (boot_ns), and its pid


class Exec(NamedTuple):
    """One exec, decoded, or with `errno` an attempt that failed. `time_ns` is wall clock since
    the epoch, `boot_ns` CLOCK_BOOTTIME. `parent` is the image that called execve; with
    `replaces` it was this process's own and ended with this."""

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
    """The end of an image. `status` is as wait(2) has it."""

    boot_ns: int
    image: ImageKey
    status: int


REPLACED = -1  # in place of a status: the image ended because its process exec'd another


class Counts(NamedTuple):
    """The ledger of one collector life so far: `seen = stored + filtered + lost`."""

    seen: int
    stored: int
    filtered: int
    lost: int


class Cause(StrEnum):
    """Why an exec was lost. docs/reliability.md explains each."""

    RING_FULL = "ring full"
    UNREADABLE = "record unreadable"
    SKIPPED = "program skipped"
    MISSING = "record missing"
    REFUSED = "database refused"
    NO_SPACE = "no space"
    WAL_BLOCKED = "wal blocked"


class Loss(NamedTuple):
    """An interval, in wall clock, in which execs were lost for one cause. `number` tells the
    intervals of a run apart: one that goes on is written again under the same number."""

    number: int
    cause: str
    from_ns: int
    to_ns: int
    lost: int


class ClockSet(NamedTuple):
    """The wall clock was set while recording, from `before_ns` to `after_ns`."""

    before_ns: int
    after_ns: int


class Account(NamedTuple):
    """What a collector life has to say of itself besides its counts: since when and until when
    it surely recorded (wall clock; None: nothing new), what it lost, when the clock was set."""

    started_ns: int | None = None
    alive_ns: int | None = None
    losses: Sequence[Loss] = ()
    clock_sets: Sequence[ClockSet] = ()


NOTHING_MORE = Account()


class Event(NamedTuple):
    """One row of the history, with the names and the order of the `execs` view."""

    id: int
    run_id: int
    time_ns: int
    boot_ns: int
    boot_id: str
    host: str
    pid: int
    ppid: int
    uid: int
    euid: int
    gid: int
    loginuid: int | None
    sessionid: int | None
    tty: str | None
    comm: str
    filename: str
    argv: tuple[str, ...]
    argc: int
    truncated: bool
    cwd: str | None
    cgroup: str | None
    message: str
    errno: str | None
    caller: str | None
    ended: str | None  # exit, signal or exec; None while it runs or if unknown
    exit_code: int | None
    signal: int | None
    duration_ns: int | None
    parent_id: int | None


def ending(status: int | None) -> tuple[str | None, int | None, int | None]:
    """(ended, exit_code, signal) of a status as wait(2) has it, REPLACED or None."""
    if status is None:
        return None, None, None
    if status == REPLACED:
        return "exec", None, None
    signal = status & 0x7F
    return ("signal", None, signal) if signal else ("exit", status >> 8 & 0xFF, None)


def text_of(raw: bytes) -> str:
    """Bytes from the kernel as text; what is not UTF-8 becomes surrogate escapes."""
    return raw.decode("utf-8", "surrogateescape")


def raw_of(text: str) -> bytes:
    """The inverse of text_of. Raises UnicodeEncodeError for text that no bytes decode to."""
    return text.encode("utf-8", "surrogateescape")


def json_of(value: object) -> str:
    """Compact JSON that is valid UTF-8 and harmless on a terminal: surrogate escapes, DEL and
    the C1 controls are written as \\uXXXX (RFC 8259, section 7)."""
    text = _ENCODE(value)
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_ENCODE = json.JSONEncoder(ensure_ascii=False).encode  # dumps() makes an encoder for each value
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def rfc3339(time_ns: int) -> str:
    """`2026-01-02T03:04:05.123456789Z` (RFC 3339)."""
    minutes, rest_ns = divmod(time_ns, 60_000_000_000)
    start = _minute(minutes)
    if start is None:  # past the year 9999
        seconds, rest_ns = divmod(time_ns, 1_000_000_000)
        return f"@{seconds}.{rest_ns:09d}Z"
    digits = str(100_000_000_000 + rest_ns)  # quicker than a format that fills in zeros
    return f"{start}{digits[1:3]}.{digits[3:]}Z"


@lru_cache(maxsize=4)  # events come in order and many share a minute
def _minute(minutes: int) -> str | None:
    """Up to and with the colon before the seconds."""
    try:
        return datetime.fromtimestamp(minutes * 60, UTC).strftime("%Y-%m-%dT%H:%M:")
    except (ValueError, OverflowError, OSError):
        return None


def local_time(time_ns: int) -> str:
    """`2026-01-31 03:04:05.678`, in the local zone."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    try:
        text = datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):  # past the year 9999
        return f"@{seconds}"
    return f"{text}.{rest // 1_000_000:03d}"


def to_dict(event: Event) -> dict[str, Any]:
    """The event under its public names, `time` included."""
    values = event._asdict()
    ordered = {"id": values.pop("id"), "run_id": values.pop("run_id")}
    ordered["time_ns"] = values.pop("time_ns")
    ordered["time"] = rfc3339(event.time_ns)
    return ordered | values
