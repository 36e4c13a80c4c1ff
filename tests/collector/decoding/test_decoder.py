"""Bytes in, events out: every argument as it was, and no record that ends the recorder."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.bpf import wire
from execdb.collector.decoding.decoder import Decoder
from execdb.store.event import REPLACED, Command, End, Exec, Place, raw_of, text_of
from tests.collector.records import end, record, ring, sample

ARGUMENTS = st.lists(st.binary(max_size=23).map(lambda raw: raw.replace(b"\0", b"")), max_size=7)
PADDING = st.binary(max_size=7)  # perf rounds records up, with whatever was there


def decode(raw: bytes, offset_ns: int = 0) -> Exec:
    events, ends, unreadable = Decoder().decode(ring([raw]), offset_ns)
    assert (ends, unreadable) == ([], 0)
    return events[0]


def arguments_of(event: Exec) -> list[bytes]:
    return [raw_of(argument) for argument in event.command.argv]


def test_a_record_becomes_an_event() -> None:
    raw = record(b"ls", b"-l", boot_ns=1_009, pid=23, ppid=7, uid=501, euid=0, gid=29)
    event = decode(raw, offset_ns=1_000_003)
    assert (event.time_ns, event.boot_ns, event.pid, event.ppid) == (1_001_012, 1_009, 23, 7)
    assert event.creds[:3] == (501, 0, 29)
    assert event.creds.message == "Hello World"
    assert event.command == Command("/bin/true", "true", ("ls", "-l"), 2, False)


LOST = struct.pack("IHHQQ", 2, 0, 24, 7, 23)


@given(st.lists(PADDING, max_size=7))
def test_each_record_of_a_chunk_comes_out_in_order(paddings: list[bytes]) -> None:
    raws = [record(b"x", pid=n, padding=padding) for n, padding in enumerate(paddings)]
    execs, _, _ = Decoder().decode(ring(raws), 0)
    assert [event.pid for event in execs] == list(range(len(paddings)))


def test_notices_of_loss_are_passed_over() -> None:
    one, two = sample(record(b"x", pid=1)), sample(end((1, 1), boot_ns=2))
    found = Decoder().decode([LOST + one + LOST + LOST, two + LOST, LOST, b""], 0)
    assert ([event.pid for event in found.execs], len(found.ends)) == ([1], 1)
    assert found.unreadable == 0


@pytest.mark.parametrize("size", range(8))
def test_a_notice_that_has_no_size_hides_nothing(size: int) -> None:
    """What is behind it cannot be found; that something was there is counted."""
    notice = LOST[:6] + struct.pack("H", size) + LOST[8:]
    found = Decoder().decode([notice + sample(record(b"x")), sample(record(b"y"))], 0)
    assert (len(found.execs), found.unreadable) == (1, 1)


def test_a_record_as_large_as_they_get() -> None:
    """The size of one in a ring has 16 bits."""
    argument = b"x" * 65_000
    assert arguments_of(decode(record(argument))) == [argument]


@given(st.lists(st.binary(max_size=97), min_size=1, max_size=7))
def test_what_is_no_ring_ends(chunks: list[bytes]) -> None:
    execs, ends, unreadable = Decoder().decode(chunks, 0)
    assert len(execs) + len(ends) + unreadable <= sum(map(len, chunks))


def test_ids_are_unsigned() -> None:
    event = decode(record(b"x", uid=4_294_967_294, euid=4_294_967_294, gid=4_294_967_294))
    assert event.creds[:3] == (4_294_967_294,) * 3


def test_a_message_of_twelve_bytes_is_whole() -> None:
    assert decode(record(b"x", message=b"Hi user 501!")).creds.message == "Hi user 501!"


def test_a_name_of_sixteen_bytes_is_whole() -> None:
    assert decode(record(b"x", comm=b"0123456789abcdef")).command.comm == "0123456789abcdef"


@given(ARGUMENTS, PADDING)
def test_every_argument_comes_back(argv: list[bytes], padding: bytes) -> None:
    event = decode(record(*argv, padding=padding))
    assert event.command.argv == tuple(map(text_of, argv))  # as if each stood alone
    assert arguments_of(event) == argv
    assert event.command.argc == len(argv)
    assert not event.command.truncated


@given(st.binary(min_size=1, max_size=97).map(lambda raw: raw.replace(b"\0", b"/")))
def test_a_filename_of_any_bytes_comes_back(filename: bytes) -> None:
    assert raw_of(decode(record(b"x", filename=filename)).command.filename) == filename


@given(ARGUMENTS.filter(bool), PADDING, st.data())
def test_what_was_cut_is_a_beginning_and_says_so(
    argv: list[bytes], padding: bytes, data: st.DataObject
) -> None:
    whole = b"".join(argument + b"\0" for argument in argv)
    kept = whole[: data.draw(st.integers(0, len(whole) - 1))]
    event = decode(record(*argv, args=kept, truncated=1, padding=padding))
    found = arguments_of(event)
    assert found[:-1] == argv[: len(found)][:-1]
    assert b"\0".join(found) == kept.removesuffix(b"\0")
    assert event.command.truncated
    assert event.command.argc == len(argv)


def test_a_program_has_the_name_and_the_path_of_each_record() -> None:
    names = [(b"a", b"/b"), (b"b", b"/b"), (b"a", b"/a"), (b"a", b"/bx"), (b"0" * 16, b"/b")]
    raws = [record(b"%d" % n, comm=c, filename=f) for n, (c, f) in enumerate(names * 2)]
    events, _, _ = Decoder().decode(ring(raws), 0)
    found = [(raw_of(event.command.comm), raw_of(event.command.filename)) for event in events]
    assert found == names * 2


def test_an_end_names_its_image_and_status() -> None:
    raws = [record(b"x", boot_ns=7, pid=23), end((7, 23), boot_ns=1_009, status=256, padding=b"xx")]
    execs, ends, unreadable = Decoder().decode(ring(raws), 5)
    assert (len(execs), unreadable) == (1, 0)
    assert ends == [End(boot_ns=1_009, image=(7, 23), status=256)]


def test_an_image_whose_successor_was_lost_was_replaced() -> None:
    _, ends, _ = Decoder().decode(ring([end((7, 23), boot_ns=11, status=wire.REPLACED)]), 0)
    assert ends == [End(boot_ns=11, image=(7, 23), status=REPLACED)]


def test_a_parent_is_an_image() -> None:
    assert decode(record(b"x")).parent is None
    event = decode(record(b"x", parent_boot_ns=5, parent_pid=7, flags=wire.FLAG_REPLACES))
    assert (event.parent, event.replaces) == ((5, 7), True)
    assert not decode(record(b"x", parent_boot_ns=5, parent_pid=7)).replaces


def test_an_attempt_names_its_error_and_its_caller() -> None:
    event = decode(record(b"x", kind=wire.KIND_ATTEMPT, error=2, caller=b"bash"))
    assert (event.errno, event.caller) == ("ENOENT", "bash")
    assert (decode(record(b"x")).errno, decode(record(b"x")).caller) == (None, None)


def test_who_logged_in_and_where() -> None:
    creds = decode(record(b"x", loginuid=501, sessionid=7, tty=b"pts3")).creds
    assert (creds.loginuid, creds.sessionid, creds.tty) == (501, 7, "pts/3")
    creds = decode(record(b"x")).creds
    assert (creds.loginuid, creds.sessionid, creds.tty) == (None, None, None)


@pytest.mark.parametrize(
    ("where", "cwd", "cgroup"),
    [
        (b"", None, None),
        (b"\0", "/", "/"),
        (b"src\0usr\0\0a.scope\0user.slice\0", "/usr/src", "/user.slice/a.scope"),
        (b"\xff\0\0", "/\udcff", "/"),
        (b"tmp\0\0init.scope\0", "/tmp", "/init.scope"),
        (b"b\0a\0...\0\0c\0...\0", "/.../a/b", "/.../c"),
    ],
)
def test_a_place_is_put_together_from_its_names(
    where: bytes, cwd: str | None, cgroup: str | None
) -> None:
    assert decode(record(b"x", where=where, padding=b"pad")).place == Place(cwd, cgroup)


def test_arguments_that_are_not_there_are_not_silently_absent() -> None:
    event = decode(record(b"one", b"two", b"three", args=b"one\0"))
    assert event.command.truncated
    assert event.command.argc == 3


def test_a_known_command_is_not_taken_for_another() -> None:
    decoder = Decoder()
    raws = [record(b"a", b""), record(b"a"), record(b"a", b"", padding=b"\0\0"), record(b"a", b"b")]
    events, _, _ = decoder.decode(ring(raws * 2), 0)
    assert [event.command.argv for event in events[:4]] == [
        ("a", ""),
        ("a",),
        ("a", ""),
        ("a", "b"),
    ]
    assert [e.command for e in events[4:]] == [e.command for e in events[:4]]


@pytest.mark.parametrize("length", range(len(record(b"ls", b"-l"))))
def test_a_record_cut_anywhere_is_unreadable(length: int) -> None:
    whole = record(b"ls", b"-l")
    events, _, unreadable = Decoder().decode(ring([whole[:length], whole]), 0)
    assert unreadable == 1
    assert [event.command.argv for event in events] == [("ls", "-l")]


@pytest.mark.parametrize("length", range(wire.KIND_AT + 1, wire.END.size))
def test_an_end_cut_anywhere_is_unreadable(length: int) -> None:
    whole = end((7, 23), boot_ns=1_009)
    _, ends, unreadable = Decoder().decode(ring([whole[:length], whole]), 0)
    assert (len(ends), unreadable) == (1, 1)


@given(st.lists(st.one_of(st.binary(max_size=127), st.binary(min_size=wire.EXEC.size)), max_size=7))
def test_garbage_ends_nothing(raws: list[bytes]) -> None:
    good = record(b"ls", boot_ns=1_009)
    events, ends, unreadable = Decoder().decode(ring([*raws, good]), 0)
    assert len(events) + len(ends) + unreadable == len(raws) + 1
    assert events[-1].boot_ns == 1_009


@given(st.data())
def test_a_damaged_record_ends_nothing(data: st.DataObject) -> None:
    raw = bytearray(record(b"ls", b"-l", b"/tmp", where=b"usr\0\0slice\0"))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    events, ends, unreadable = Decoder().decode(ring([bytes(raw)]), 0)
    assert len(events) + len(ends) + unreadable == 1


@pytest.mark.parametrize(
    ("count", "size"), [(13_007, 1), (2_003, 20_011)], ids=["many commands", "long commands"]
)
def test_what_is_remembered_is_bounded(count: int, size: int) -> None:
    decoder = Decoder()
    tracemalloc.start()
    try:
        for number in range(count):
            decoder.decode(ring([record(b"%d" % number, b"x" * size, uid=number)]), 0)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < (9_000_000 if size > 1 else 7_000_000)
