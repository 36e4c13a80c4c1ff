"""Nothing recorded acts on a terminal, and a quoted command line is the command line."""

import os
import subprocess
from collections.abc import Iterator
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.cli.output.escape import escape, quote
from execdb.store.event import raw_of, text_of

UTF_8 = {**os.environ, "LC_ALL": "C.UTF-8"}
ARGUMENT = st.one_of(
    st.binary(max_size=23).map(lambda raw: text_of(raw.replace(b"\0", b""))),
    st.text("ab0'\"\\$`!*?[]{}()<>|&;#~=- \t\n\r\x1b\x7f\x9b\u202eé🦀\udcff", max_size=13),
)


def read_by_bash(command: str) -> list[bytes]:
    done = subprocess.run(
        ["bash", "-c", raw_of(f"printf '%s\\0' {command}")],
        capture_output=True,
        check=True,
        env=UTF_8,
    )
    return done.stdout.split(b"\0")[:-1]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ARGUMENT, min_size=1, max_size=97))
def test_a_shell_reads_back_what_was_quoted(arguments: list[str]) -> None:
    assert read_by_bash(" ".join(map(quote, arguments))) == [raw_of(a) for a in arguments]


def test_a_shell_reads_back_every_byte() -> None:
    arguments = [text_of(bytes([byte])) + suffix for byte in range(1, 256) for suffix in ("", "a0")]
    assert read_by_bash(" ".join(map(quote, arguments))) == [raw_of(a) for a in arguments]


def test_nothing_that_is_invisible_is_left() -> None:
    """Of all there is: what Unicode says has no width, or is blank, or turns text around."""
    ignorable, invisible = set(map(chr, ignorables())), []
    for char in map(chr, (*range(0x20), *range(0x7F, 0xD800), *range(0xE000, 0x110000))):
        if category(char) in ("Cc", "Cf", "Cn", "Co", "Zl", "Zp") or char in ignorable:
            invisible.append(char)
        else:
            assert quote(char).count(char) == (escape(char) == char), hex(ord(char))
    for part in batched(invisible, 509):  # nearly all of Unicode
        for shown in (escape("".join(part)), quote("".join(part))):
            assert shown.isascii(), ascii(part)
            assert not set(shown) & set(part), ascii(part)


def batched(chars: list[str], size: int) -> Iterator[list[str]]:
    for at in range(0, len(chars), size):
        yield chars[at : at + size]


def ignorables() -> Iterator[int]:
    """Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt."""
    ranges = (
        *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5)),
        *((0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)),
        *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0)),
        *((0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
    )
    for first, last in ranges:
        yield from range(first, last + 1)


@given(ARGUMENT)
def test_nothing_that_a_terminal_acts_on_is_left(text: str) -> None:
    for shown in (escape(text), quote(text)):
        assert shown.isprintable()
        shown.encode()  # no surrogate is left


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain é 日本", "plain é 日本"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x7f\x9b", "\\x7f\\u009b"),
        ("\udcff", "\\xff"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("\U000e0001", "\\U000e0001"),
        ("a\u200bb\u200fc\u2060d\u2069e", "a\\u200bb\\u200fc\\u2060d\\u2069e"),
        ("\ufeff\u00ad\u061c", "\\ufeff\\u00ad\\u061c"),
        ("\u2028\u2029\x85", "\\u2028\\u2029\\u0085"),
        ("\u3164\uffa0\u115f\u2800", "\\u3164\\uffa0\\u115f\\u2800"),
        ("\u034f\ufe0f\U000e0100", "\\u034f\\ufe0f\\U000e0100"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("argument", "quoted"),
    [
        ("", "''"),
        ("/usr/bin/gcc-12", "/usr/bin/gcc-12"),
        ("-Wall", "-Wall"),
        ("a b", "'a b'"),
        ("a\u3164b", "$'a\\u3164b'"),
        ("it's", "'it'\\''s'"),
        ("$HOME", "'$HOME'"),
        ("~", "'~'"),
        ("a\nb", "$'a\\nb'"),
        ("it's\n", "$'it\\'s\\n'"),
        ("back\\slash\n", "$'back\\\\slash\\n'"),
    ],
)
def test_an_argument_is_quoted_no_more_than_it_needs(argument: str, quoted: str) -> None:
    assert quote(argument) == quoted
