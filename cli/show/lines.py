"""Events as lines for people."""

from collections.abc import Iterable, Iterator

from execdb.cli.output.escape import escape, quote
from execdb.cli.show.durations import duration
from execdb.store.event import Event
from execdb.store.times import rfc3339


def plain(events: Iterable[Event]) -> Iterator[str]:
    """`pid uid comm message`, as in the book that execdb began with."""
    for event in events:
        name = event.caller or event.comm  # the book's program reports before the exec
        yield f"{event.pid} {event.uid} {escape(name)} {escape(event.message)}\n"


def line(events: Iterable[Event], *, hosts: bool = False) -> Iterator[str]:
    """`time pid ppid uid comm message argv...`, with argv quoted for a shell; with `hosts`
    `time host pid...`."""
    for event in events:
        host = f" {escape(event.host)}" if hosts else ""
        yield (
            f"{rfc3339(event.time_ns)}{host} {event.pid} {event.ppid} {event.uid} "
            f"{escape(event.comm)} {escape(event.message)} {command_line(event)}\n"
        )


def end(event: Event, *, hosts: bool = False) -> str:
    """`time pid ppid uid comm ended: exit 1 after 2.3 s`, of an image that has ended; with `hosts`
    `time host pid...`."""
    host = f" {escape(event.host)}" if hosts else ""
    ended_ns = event.time_ns + (event.duration_ns or 0)
    code = event.exit_code if event.ended == "exit" else event.signal
    how = escape(event.ended or "") if code is None else f"{event.ended} {code}"
    lasted = "" if event.duration_ns is None else f" after {duration(event.duration_ns)}"
    return (
        f"{rfc3339(ended_ns)}{host} {event.pid} {event.ppid} {event.uid} {escape(event.comm)} "
        f"ended: {how}{lasted}\n"
    )


def line_or_end(events: Iterable[Event], *, hosts: bool = False) -> Iterator[str]:
    """A `line` for what runs, an `end` for what has ended."""
    for event in events:
        if event.ended is None:
            yield from line([event], hosts=hosts)
        else:
            yield end(event, hosts=hosts)


def command_line(event: Event) -> str:
    """argv quoted for a shell, followed by a remark if it was cut."""
    text = " ".join(map(quote, event.argv))
    return f"{text} ... ({event.argc} arguments, cut)" if event.truncated else text
