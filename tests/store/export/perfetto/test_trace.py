"""The trace file, parsed back with the published schema."""

from collections.abc import Iterable
from typing import Any

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as messages

from execdb.cli.output.escape import escape
from execdb.cli.show.lines import command_line
from execdb.store.event import Event
from execdb.store.export.perfetto.slices import slices
from execdb.store.export.perfetto.trace import write_trace
from execdb.store.ledger.coverage import Kind, Period, Why
from tests.conftest import START_NS, an_event

MS = 1_000_000
_TYPES = messages.TrackEvent.Type


class Parsed:
    """Tracks by id, and what happens on them in the order of time."""

    def __init__(self, events: Iterable[Event], periods: Any = (), notes: Any = ()) -> None:
        trace = messages.Trace()
        for part in write_trace(events, periods, notes, escape, command_line):
            trace.MergeFromString(part)
        self.packets = trace.packet
        self.tracks = {
            packet.track_descriptor.uuid: packet.track_descriptor
            for packet in self.packets
            if packet.HasField("track_descriptor")
        }
        self.events = sorted(
            (packet for packet in self.packets if packet.HasField("track_event")),
            key=lambda packet: packet.timestamp,
        )

    def named(self, name: str) -> Any:
        (found,) = [p.track_event for p in self.events if p.track_event.name == name]
        return found

    def on(self, track: str) -> list[tuple[int, str, Any]]:
        """(milliseconds since START_NS, kind, event) on tracks of that name."""
        return [
            ((p.timestamp - START_NS) // MS, _TYPES.Name(p.track_event.type)[5:], p.track_event)
            for p in self.events
            if self.tracks[p.track_event.track_uuid].name == track
        ]


def image(number: int, comm: str, parent: int | None, lasts_ms: int | None, **more: Any) -> Event:
    duration_ns = None if lasts_ms is None else lasts_ms * MS
    return an_event(number, comm=comm, parent_id=parent, duration_ns=duration_ns, **more)


def annotations(event: Any) -> dict[str, Any]:
    return {
        each.name: each.string_value if each.HasField("string_value") else each.int_value
        for each in event.debug_annotations
    }


def test_a_slice_for_each_program_with_flows_to_what_it_started() -> None:
    parsed = Parsed(
        [
            image(0, "make", None, 90),
            image(10, "gcc", 1, 20, pid=5, argv=("gcc", "a b.c"), exit_code=1),
            image(40, "cc1", 1, 20),
        ]
    )
    assert [(at, kind) for at, kind, _ in parsed.on("lane 1")] == [
        (0, "SLICE_BEGIN"),
        (90, "SLICE_END"),
    ]
    assert [(at, kind) for at, kind, _ in parsed.on("lane 2")] == [
        (10, "SLICE_BEGIN"), (30, "SLICE_END"), (40, "SLICE_BEGIN"), (60, "SLICE_END"),
    ]  # fmt: skip
    make, gcc, cc1 = map(parsed.named, ("make", "gcc", "cc1"))
    assert list(make.flow_ids) == [11, 41]
    assert [*gcc.terminating_flow_ids, *cc1.terminating_flow_ids] == [11, 41]
    assert (list(gcc.categories), list(cc1.categories)) == (["failed"], ["exec"])
    shown = annotations(gcc)
    assert shown["command"] == "gcc 'a b.c'"
    assert (shown["id"], shown["pid"], shown["exit_code"]) == (11, 5, 1)
    (group,) = {t.parent_uuid for t in parsed.tracks.values() if t.name.startswith("lane ")}
    assert parsed.tracks[group].name == "no cgroup"


def test_a_running_program_has_no_end_and_an_attempt_is_an_instant() -> None:
    parsed = Parsed(
        [
            image(0, "sleep", None, None),
            image(5, "sh", 1, None, errno="ENOENT", caller="env", filename="/no/such"),
        ]
    )
    assert [kind for _, kind, _ in parsed.on("lane 1")] == ["SLICE_BEGIN"]
    ((at, kind, attempt),) = parsed.on("no cgroup")
    assert (at, kind, attempt.name) == (5, "INSTANT", "env")
    assert list(attempt.categories) == ["failed attempt"]
    assert annotations(attempt)["errno"] == "ENOENT"
    assert list(attempt.terminating_flow_ids) == [6]


def test_gaps_notes_and_counters_have_tracks_of_their_own() -> None:
    gap = Period(Kind.BLIND, START_NS + 20 * MS, START_NS + 30 * MS, Why.BEFORE)
    lossy = Period(Kind.LOSSY, START_NS + 40 * MS, START_NS + 50 * MS, lost=(("ring full", 3),))
    whole = Period(Kind.RECORDED, START_NS, START_NS + 20 * MS)
    parsed = Parsed(
        [image(0, "a", None, 1)], [whole, gap, lossy], [(START_NS + MS, "deploy\x1b[2J")]
    )
    assert [(at, kind, e.name) for at, kind, e in parsed.on("not all is recorded")] == [
        (20, "SLICE_BEGIN", f"blind {Why.BEFORE}"),
        (30, "SLICE_END", ""),
        (40, "SLICE_BEGIN", "lossy 3 lost (ring full)"),
        (50, "SLICE_END", ""),
    ]
    ((_, kind, mark),) = parsed.on("marks and changes of the config")
    assert (kind, mark.name) == ("INSTANT", "deploy\\x1b[2J")
    assert [e.counter_value for _, _, e in parsed.on("execs per second")] == [1, 0]
    assert [e.counter_value for _, _, e in parsed.on("running programs")] == [1, 0]


def test_times_are_those_of_the_wall_clock() -> None:
    (snapshot,) = [
        p.clock_snapshot for p in Parsed([an_event()]).packets if p.HasField("clock_snapshot")
    ]
    assert {clock.timestamp for clock in snapshot.clocks} == {START_NS}
    assert Parsed([]).packets == messages.Trace().packet


@pytest.mark.parametrize("text", ["\x1b]0;x\x07", "a\nb", "\udcff", "\u202egnp.exe"])
def test_recorded_text_is_escaped(text: str) -> None:
    parsed = Parsed([image(0, text, None, 1, cgroup=text, filename=text, argv=(text,))])
    (begin,) = [p.track_event for p in parsed.events if p.track_event.name]
    names = [begin.name, annotations(begin)["filename"], *(t.name for t in parsed.tracks.values())]
    assert escape(text) in names
    assert all(name.isprintable() for name in names)


def test_waits_for_children_without_keeping_all() -> None:
    """Slices come out while events still go in."""
    taken = 0

    def source() -> Iterable[Event]:
        nonlocal taken
        for number in range(5_000):
            taken += 1
            yield image(number, "true", None, 1)

    next(iter(slices(source())))
    assert taken < 1_100
