"""One event of a file that is imported, made of the values of its keys. Pure."""

from typing import Any, NamedTuple

from execdb.store.errors import BadEvent
from execdb.store.event import REPLACED, Command, Creds, Place, ending
from execdb.store.importing.checks import check_keys, value_of

Values = dict[str, Any]  # by key, as JSON has them
Boot = tuple[str, str]  # host and boot_id


class Merged(NamedTuple):
    """Stands for the boot of events that belong to a run of this file, not to an import."""

    run_id: int


Outcome = tuple[str | None, str | None, int | None]  # errno, caller, status


class Imported(NamedTuple):
    """One event. `id` and `parent_id` are those of the file."""

    boot: Boot
    time_ns: int
    boot_ns: int
    pid: int
    ppid: int
    ns_pid: int | None  # None: equal to `pid`, or not known
    origin: tuple[Creds, Place]
    command: Command
    outcome: Outcome
    duration_ns: int | None
    cpu_ns: int | None
    max_rss_kb: int | None
    id: int | None
    parent_id: int | None


def imported_of(values: Values) -> Imported:
    """An event from all its keys. `run_id` and `time` are ignored: they say nothing about it
    outside of its file. Raises BadEvent naming a key that is wrong."""
    check_keys(values)
    return Imported(
        boot_of(values),
        value_of(values, "time_ns"),
        value_of(values, "boot_ns"),
        value_of(values, "pid"),
        value_of(values, "ppid"),
        ns_pid_of(
            value_of(values, "pid"), value_of({"ns_pid": values.get("pid")} | values, "ns_pid")
        ),
        origin_of(values),
        command_of(values),
        outcome_of(values),
        value_of(values, "duration_ns"),
        value_of(values, "cpu_ns"),
        value_of(values, "max_rss_kb"),
        None if values.get("id") is None else value_of(values, "id"),
        value_of(values, "parent_id"),
    )


def ns_pid_of(pid: int, ns_pid: int | None) -> int | None:
    """As it is stored. The key is missing in files of an older execdb."""
    return None if ns_pid == pid else ns_pid


def boot_of(values: Values) -> Boot:
    """The host and boot of an event. Raises BadEvent."""
    return value_of(values, "host"), value_of(values, "boot_id")


def origin_of(values: Values) -> tuple[Creds, Place]:
    """Who ran a program, and where. Raises BadEvent."""
    creds = Creds(*(value_of(values, name) for name in Creds._fields))
    return creds, Place(*(value_of(values, name) for name in Place._fields))


def command_of(values: Values) -> Command:
    """`argc` may be missing: it is then the number of arguments there are."""
    argv = value_of(values, "argv")
    values = {"argc": len(argv)} | values
    command = Command(*[value_of(values, name) for name in Command._fields])
    if not command.truncated and command.argc != len(argv):
        raise BadEvent(f"argc is {command.argc}, but argv has {len(argv)} and is not truncated")
    return command


def outcome_of(values: Values) -> Outcome:
    """The status is encoded as by wait(2). `ended`, `exit_code` and `signal` must agree."""
    errno, caller, ended, exit_code, signal = (value_of(values, name) for name in _OUTCOME)
    status = None
    if ended == "exec":
        status = REPLACED
    elif signal is not None:
        status = signal
    elif exit_code is not None:
        status = exit_code << 8
    expected = ending(status)
    if (ended or expected[0], exit_code, signal) != expected:
        raise BadEvent("ended, exit_code and signal contradict each other")
    return errno, caller, status


_OUTCOME = ("errno", "caller", "ended", "exit_code", "signal")
