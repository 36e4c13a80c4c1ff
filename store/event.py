"""An event in its forms: as the kernel tells it (Exec) and as it is stored (Event).

Plain data; nothing here knows of BPF or SQL. Text is str throughout; bytes that
are not UTF-8 are carried as surrogate escapes (PEP 383).
"""

from typing import NamedTuple

from execdb.store.times import rfc3339


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

    @property
    def time(self) -> str:
        """`time_ns` as RFC 3339, in UTC."""
        return rfc3339(self.time_ns)


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
