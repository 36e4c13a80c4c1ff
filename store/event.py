"""An event as the kernel reports it (Exec, End) and as it is stored and shown (Event).

Plain data: nothing here knows of BPF or SQL. Text is str throughout; bytes that are not UTF-8 are
kept as surrogate escapes (PEP 383).
"""

from typing import NamedTuple

from execdb.store.keys import Event as Event  # noqa: PLC0414 - most look for it here


class Command(NamedTuple):
    """What was started. Equal values are stored once."""

    filename: str
    comm: str
    argv: tuple[str, ...]
    argc: int
    truncated: bool
    exe: str | None = None
    exe_device: str | None = None
    exe_inode: int | None = None
    exe_deleted: bool = False


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
    cwd_deleted: bool = False
    container: str | None = None
    pid_ns: int | None = None
    mnt_ns: int | None = None
    user_ns: int | None = None


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
    `replaces` is set, it was an image of the same process and this exec ended it, after it had used
    `replaced_cpu_ns` and its process up to `replaced_rss_kb`. `ns_pid` is None where it equals
    `pid`."""

    time_ns: int
    boot_ns: int
    pid: int
    ppid: int
    start: Start
    parent: ImageKey | None
    replaces: bool
    errno: str | None
    ns_pid: int | None = None
    replaced_cpu_ns: int | None = None
    replaced_rss_kb: int | None = None

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
    """The end of an image. `status` is encoded as by wait(2), or REPLACED. What it used is None for
    an image that began before the recording."""

    boot_ns: int
    image: ImageKey
    status: int
    cpu_ns: int | None = None
    max_rss_kb: int | None = None


REPLACED = -1  # instead of a status: the image ended because its process exec'd another


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
