"""What live replays started, which is left out unless asked for, in sentences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.output.streams import say
from execdb.cli.show.durations import duration
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.replays import Replay


def note(store: "Store", wanted: "Filter") -> None:
    """A line on stderr if something was left out of the time that a filter asks for."""
    if wanted.replays:
        return
    found = within(store.replays(wanted), wanted.since_ns, wanted.until_ns)
    if found:
        what = "a live replay" if len(found) == 1 else f"{len(found)} live replays"
        say(f"note: what {what} started from {local_time(found[0].from_ns)} on is left out: "
            "--replays shows it")  # fmt: skip


def within(found: Sequence["Replay"], since_ns: int | None, until_ns: int | None) -> "list[Replay]":
    """Those that ran between two times."""
    return [
        each
        for each in found
        if (since_ns is None or each.to_ns is None or each.to_ns >= since_ns)
        and (until_ns is None or each.from_ns < until_ns)
    ]


def sentences(replays: "Sequence[Replay]", since_ns: int | None, until_ns: int | None) -> list[str]:
    """For `coverage`: one for each."""
    return [
        f"live replay from {local_time(each.from_ns)} on, {_how_long(each)} (execdb query "
        f"--replays --descendants-of {each.id})"
        for each in within(replays, since_ns, until_ns)
    ]


def of(replays: "Sequence[Replay]", from_ns: int, to_ns: int) -> list[dict[str, Any]]:
    """The same for programs, of a period."""
    return [
        {"id": each.id, "from_ns": each.from_ns, "from_time": rfc3339(each.from_ns),
         "to_ns": each.to_ns}
        for each in within(replays, from_ns, to_ns)
    ]  # fmt: skip


def _how_long(each: "Replay") -> str:
    return "no end" if each.to_ns is None else f"for {duration(each.to_ns - each.from_ns)}"
