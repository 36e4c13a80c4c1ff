"""Events as lines for people."""

from collections.abc import Iterable, Iterator

from execdb.cli.output.escape import escape, quote
from execdb.store.event import Event
from execdb.store.times import rfc3339


def plain(events: Iterable[Event]) -> Iterator[str]:
    """`pid uid comm message`, as in the book that execdb began with."""
    for event in events:
        name = event.caller or event.comm  # the book's program reports before the exec
        yield f"{event.pid} {event.uid} {escape(name)} {escape(event.message)}\n"


def line(events: Iterable[Event]) -> Iterator[str]:
    """`time pid ppid uid comm message argv...`, with argv quoted for a shell."""
    for event in events:
        yield (
            f"{rfc3339(event.time_ns)} {event.pid} {event.ppid} {event.uid} {escape(event.comm)} "
            f"{escape(event.message)} {command_line(event)}\n"
        )


def command_line(event: Event) -> str:
    """argv quoted for a shell, followed by a remark if it was cut."""
    text = " ".join(map(quote, event.argv))
    return f"{text} ... ({event.argc} arguments, cut)" if event.truncated else text
