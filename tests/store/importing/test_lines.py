"""Lines of files from elsewhere: whole, in UTF-8, never longer than bearable, packed or not."""

import gzip
import os
import tempfile
import threading
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.errors import BadEvent
from execdb.store.importing import lines
from execdb.store.importing.lines import LINE_MAX, are_at_hand, read_lines


def lines_in(data: bytes) -> list[str]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return list(read_lines(file.fileno()))


TEXTS = st.lists(st.text("ab\u2028\r\x0b\x85é\U0001f600", max_size=7), max_size=23)


@given(TEXTS, st.booleans(), st.integers(1, 31), st.booleans())
def test_lines_end_at_a_newline_alone(
    texts: list[str], ended: bool, block: int, packed: bool
) -> None:
    data = "\n".join(texts).encode() + b"\n" * ended
    expected = data.decode().split("\n")
    if expected[-1] == "":
        expected.pop()
    before, lines._BLOCK = lines._BLOCK, block
    try:
        assert lines_in(gzip.compress(data) if packed else data) == expected
    finally:
        lines._BLOCK = before


def test_gzip_members_one_after_the_other_are_one_file() -> None:
    member = gzip.compress(b"one\ntwo\n")
    assert lines_in(member + bytes(97) + member + bytes(3)) == ["one", "two"] * 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a\nb\n\xff\n", "line 3 is not UTF-8"),
        ("line\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"a\n" + b"x" * (LINE_MAX + 1), "line 2 is longer than 1 MiB"),
        (b"a\n" + b"x" * (LINE_MAX + 1) + b"\nb\n", "line 2 is longer than 1 MiB"),
        (gzip.compress(b"a\n" * 997, mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(b"a\n" * 997, mtime=0)[:9] + b"nonsense", "damaged gzip"),
        (gzip.compress(b"a\n", mtime=0) + b"a\n", "damaged gzip"),
    ],
)
def test_what_cannot_be_read_as_lines_is_named(data: bytes, said: str) -> None:
    with pytest.raises(BadEvent, match=said):
        lines_in(data)


def test_the_longest_line_is_taken_and_a_byte_order_mark_passed_over() -> None:
    assert lines_in(b"\xef\xbb\xbf" + b"x" * (LINE_MAX - 3) + b"\ny") == ["x" * (LINE_MAX - 3), "y"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_without_end_takes_no_memory_to_speak_of(packed: bool) -> None:
    data = bytes(200 << 20)
    data = gzip.compress(data, 1) if packed else data
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        tracemalloc.start()
        with pytest.raises(BadEvent, match="line 1 is longer"):
            list(read_lines(file.fileno()))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_reader_that_must_not_wait_waits() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    found = read_lines(reading)
    later = threading.Timer(0.05, os.write, (writing, b"one\ntwo\n"))
    later.start()
    assert list(islice(found, 2)) == ["one", "two"]
    later.join()
    os.close(writing)
    assert list(found) == []
    os.close(reading)


def test_only_a_plain_file_has_its_lines_at_hand(tmp_path: Path) -> None:
    """What is packed may have no end, and what comes through a pipe has to be waited for."""
    file, packed = tmp_path / "events", tmp_path / "packed"
    file.write_bytes(b"{}\n")
    packed.write_bytes(gzip.compress(b"{}\n"))
    reader, writer = os.pipe()
    with file.open("rb") as plain, packed.open("rb") as gz:
        assert [are_at_hand(fd) for fd in (plain.fileno(), gz.fileno(), reader)] == [1, 0, 0]
        assert plain.read() == b"{}\n"
    os.close(reader)
    os.close(writer)
    assert not are_at_hand(reader)
