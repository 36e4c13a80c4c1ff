"""Writes slices as TrackEvents (https://perfetto.dev/docs/reference/synthetic-track-event), with
the messages of the package `perfetto`: the one place that imports it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as messages

from execdb.store.event import Event
from execdb.store.export.perfetto.load import Load, Sample
from execdb.store.export.perfetto.slices import Slice, slices
from execdb.store.ledger.coverage import Kind, Period
from execdb.store.times import rfc3339

_TRACK, _EVENT = messages.TrackDescriptor, messages.TrackEvent
_SEQUENCE = 1
_BOOTTIME, _REALTIME = messages.BUILTIN_CLOCK_BOOTTIME, messages.BUILTIN_CLOCK_REALTIME
_RECORDING, _NOTES, _EXECS, _RUNNING = 1, 2, 3, 4  # ids of tracks
_LANES = 1 << 32  # ids of the tracks of one group; the first is the group's own, for attempts
_RECORDED = (Kind.RECORDED, Kind.IMPORTED)
# What an event shows beside the name of its program; values that are null are left out.
_SHOWN = (
    "id", "pid", "ppid", "parent_id", "uid", "euid", "loginuid", "tty", "filename", "exe", "cwd",
    "cgroup", "container", "message", "errno", "caller", "ended", "exit_code", "signal", "cpu_ns",
    "max_rss_kb",
)  # fmt: skip

Escape = Callable[[str], str]
Note = tuple[int, str]  # time_ns, text


def write_trace(
    events: Iterable[Event],
    periods: Iterable[Period],
    notes: Iterable[Note],
    escape: Escape,
    command: Callable[[Event], str],
) -> Iterator[bytes]:
    """The parts of a trace file. Times are those of the wall clock. `command` is the command line
    of an event for people, `escape` makes recorded text harmless."""
    trace = _Trace(escape, command)
    first_ns = None
    for one in slices(trace.counted(events)):
        if first_ns is None or one.event.time_ns < first_ns:
            first_ns = one.event.time_ns
        yield from trace.slice(one)
        yield from trace.take_samples()
    trace.finish()
    yield from trace.take_samples()
    yield from trace.gaps(periods)
    yield from trace.notes(notes)
    if first_ns is not None:
        yield _clocks(first_ns)


class _Trace:
    def __init__(self, escape: Escape, command: Callable[[Event], str]) -> None:
        self._escape, self._command = escape, command
        self._described: set[int] = set()  # tracks
        self._groups: dict[str, int] = {}
        self._load, self._samples = Load(), list[Sample]()

    def counted(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events, of which the load is taken."""
        for event in events:
            if event.errno is None:
                end_ns = None if event.duration_ns is None else event.time_ns + event.duration_ns
                self._samples.extend(self._load.add(event.time_ns, end_ns))
            yield event

    def finish(self) -> None:
        self._samples.extend(self._load.finish())

    def take_samples(self) -> Iterator[bytes]:
        for sample in self._samples:
            for track, name, value in (
                (_EXECS, "execs per second", sample.execs),
                (_RUNNING, "running programs", sample.running),
            ):
                yield from self._describe(track, name, counter={})
                yield _event(sample.time_ns, track, "COUNTER", counter_value=value)
        self._samples.clear()

    def slice(self, one: Slice) -> Iterator[bytes]:
        event, (track, new) = one.event, self._track(one)
        yield from new
        yield _event(
            event.time_ns,
            track,
            "INSTANT" if one.lane is None else "SLICE_BEGIN",
            name=self._escape(event.caller or event.comm if one.lane is None else event.comm),
            categories=[_category(event)],
            debug_annotations=list(self._annotations(event)),
            flow_ids=one.children,
            terminating_flow_ids=[event.id] if one.from_parent else [],
        )
        if one.lane is not None and one.end_ns is not None:
            yield _event(one.end_ns, track, "SLICE_END")

    def gaps(self, periods: Iterable[Period]) -> Iterator[bytes]:
        """Time that was not recorded, or not all of it."""
        for period in periods:
            if period.kind in _RECORDED:
                continue
            yield from self._describe(_RECORDING, "not all is recorded")
            lost = ", ".join(f"{number} lost ({self._escape(why)})" for why, number in period.lost)
            name = " ".join(filter(None, (period.kind, period.why, lost)))
            yield _event(period.from_ns, _RECORDING, "SLICE_BEGIN", name=name, categories=["gap"])
            yield _event(period.to_ns, _RECORDING, "SLICE_END")

    def notes(self, notes: Iterable[Note]) -> Iterator[bytes]:
        for time_ns, text in notes:
            yield from self._describe(_NOTES, "marks and changes of the config")
            name = self._escape(text)
            yield _event(time_ns, _NOTES, "INSTANT", name=name, categories=["mark"])

    def _track(self, one: Slice) -> tuple[int, list[bytes]]:
        """The id of a slice's track, and what describes it and its group if they are new."""
        group = self._groups.setdefault(one.group, len(self._groups) + 1) * _LANES
        new = self._describe(group, self._escape(one.group), child_ordering=_TRACK.EXPLICIT)
        if one.lane is None:
            return group, list(new)
        lane = self._describe(
            group + 1 + one.lane,
            f"lane {one.lane + 1}",
            parent_uuid=group,
            sibling_order_rank=one.lane,
            sibling_merge_behavior=_TRACK.SIBLING_MERGE_BEHAVIOR_NONE,
        )
        return group + 1 + one.lane, [*new, *lane]

    def _describe(self, track: int, name: str, **more: Any) -> Iterator[bytes]:
        if track not in self._described:
            self._described.add(track)
            yield _packet(track_descriptor={"uuid": track, "name": name, **more})

    def _annotations(self, event: Event) -> Iterator[dict[str, Any]]:
        yield {"name": "command", "string_value": self._escape(self._command(event))}
        yield {"name": "time", "string_value": rfc3339(event.time_ns)}
        for key in _SHOWN:
            value = getattr(event, key, None)
            if isinstance(value, int):
                yield {"name": key, "int_value": value}
            elif value is not None:
                yield {"name": key, "string_value": self._escape(value)}


def _category(event: Event) -> str:
    if event.errno is not None:
        return "failed attempt"
    return "failed" if event.signal is not None or event.exit_code else "exec"


def _event(time_ns: int, track: int, type: str, **more: Any) -> bytes:
    return _packet(time_ns, track_event={"track_uuid": track, "type": f"TYPE_{type}", **more})


def _clocks(time_ns: int) -> bytes:
    """The viewer takes times as CLOCK_BOOTTIME: here it shows the same on the wall clock."""
    clocks = [{"clock_id": clock, "timestamp": time_ns} for clock in (_BOOTTIME, _REALTIME)]
    return _packet(time_ns, clock_snapshot={"clocks": clocks})


def _packet(time_ns: int = 0, **content: Mapping[str, Any]) -> bytes:
    packet = messages.TracePacket(
        timestamp=time_ns, trusted_packet_sequence_id=_SEQUENCE, **content
    )
    return bytes(messages.Trace(packet=[packet]).SerializeToString())
