"""The language of terms: what each form means, and one line for each mistake."""

import signal
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.errors import UsageError
from execdb.store.fields import FIELDS
from execdb.store.terms.names import KINDS
from execdb.store.terms.parse import Reader
from execdb.store.terms.term import Found, Glob, Range, Term, Value
from execdb.store.terms.write import text_of_term

NOW_NS = 1_790_000_000_000_000_000
USERS = {"alice": 1001, "root": 0}


def uid_of(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        return USERS[text]
    except KeyError:
        raise UsageError(f"there is no user {text!r}") from None


def time_of(text: str) -> int:
    if not text.endswith("m"):
        raise UsageError(f"cannot read {text!r} as a time")
    return NOW_NS - int(text[:-1]) * 60_000_000_000


READER = Reader(uid_of, time_of)


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("comm=gcc", "comm", ("gcc",)),
        ("comm=gcc,cc1", "comm", ("gcc", "cc1")),
        ("comm=", "comm", ("",)),
        ("comm=a\\,b,c", "comm", ("a,b", "c")),
        ("comm=a=b", "comm", ("a=b",)),
        ("comm=\\null", "comm", ("null",)),
        ("filename=/tmp/*", "filename", (Glob("/tmp/*"),)),
        ("filename=\\*,\\?", "filename", ("*", "?")),
        ("argv=*secret*", "argv", (Glob("*secret*"),)),
        ("exit_code=1..", "exit_code", (Range(1, None),)),
        ("exit_code=..9,17", "exit_code", (Range(None, 9), 17)),
        ("id=-23..-5", "id", (Range(-23, -5),)),
        ("duration=5s..1m", "duration_ns", (Range(5_000_000_000, 60_000_000_000),)),
        ("duration=1h30m,250ms", "duration_ns", (5_400_000_000_000, 250_000_000)),
        ("duration_ns=0", "duration_ns", (0,)),
        ("duration_ns=23..5s,1", "duration_ns", (Range(23, 5_000_000_000), 1)),
        ("cpu_ns=1000000000..", "cpu_ns", (Range(1_000_000_000, None),)),
        ("time_ns=1790000000000000023", "time_ns", (1_790_000_000_000_000_023,)),
        ("uid=alice", "uid", (1001,)),
        ("euid=1000..1999", "euid", (Range(1000, 1999),)),
        ("errno=null", "errno", (None,)),
        ("errno=2,eacces", "errno", ("ENOENT", "EACCES")),
        ("errno=E*,523", "errno", (Glob("E*"), "523")),
        ("ended=signal,null,ex*", "ended", ("signal", None, Glob("ex*"))),
        ("signal=KILL,sigterm,11", "signal", (9, 15, 11)),
        ("truncated=yes", "truncated", (1,)),
        ("time=10m..5m", "time_ns", (Range(time_of("10m"), time_of("5m")),)),
        ("command~=a{1,3}, b", "command", (Found("a{1,3}, b"),)),
    ],
)
def test_what_a_term_means(text: str, field: str, values: tuple[Value, ...]) -> None:
    assert READER.term(text) == Term(field, values)


@pytest.mark.parametrize("text", ["comm!=sed", "comm!~=^s", "signal!=null"])
def test_negations(text: str) -> None:
    assert READER.term(text).negated


def test_the_same_field_again_is_one_more_alternative() -> None:
    terms = READER.terms(["comm=gcc", "uid=0", "comm=cc1,as", "comm!=x*", "comm!=y"])
    assert terms == (
        Term("comm", ("gcc", "cc1", "as")),
        Term("uid", (0,)),
        Term("comm", (Glob("x*"), "y"), negated=True),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gcc", "'gcc' is no term: give FIELD=VALUE, as comm=gcc"),
        ("=gcc", "'=gcc' is no term: give FIELD=VALUE, as comm=gcc"),
        ("com=gcc", "'com=gcc': there is no field com: did you mean comm?"),
        ("dur=5", "'dur=5': there is no field dur: did you mean duration?"),
        ("exit_code=1..x", "'exit_code=1..x', character 14: 'x' is not an exit code, 0 to 255"),
        ("exit_code=-1", "'exit_code=-1', character 11: '-1' is not an exit code, 0 to 255"),
        ("exit_code=9,256", "'exit_code=9,256', character 13: '256' is not an exit code"),
        ("signal=99", "'signal=99', character 8: '99' is not a signal's name or number, 1 to 64"),
        ("signal=0", "'0' is not a signal's name or number, 1 to 64"),
        ("signal=9..65", "'signal=9..65', character 11: '65' is not a signal's name or number"),
        ("exit_code=9..1", "'exit_code=9..1', character 11: nothing lies between 9 and 1"),
        ("exit_code=0,..", "'exit_code=0,..', character 13: a range wants a number on one side"),
        ("exit_code~=1", "'exit_code~=1': a regular expression is for text"),
        ("duration=5", "'duration=5', character 10: '5' is not a length of time: give 5s, 200ms"),
        ("uid=bob", "'uid=bob', character 5: there is no user 'bob'"),
        ("time=later", "'time=later', character 6: cannot read 'later' as a time"),
        ("truncated=2", "'truncated=2', character 11: '2' is neither true nor false"),
        (
            "signal=KILLED",
            "'signal=KILLED', character 8: 'KILLED' is not a signal's name or number",
        ),
        (
            "errno=ENOENTT",
            "'errno=ENOENTT', character 7: 'ENOENTT' is not an error's name or number: "
            "did you mean ENOENT?",
        ),
        ("ended=9", "'ended=9', character 7: '9' is not one of exit, signal, exec, null"),
        ("ended=exited", "did you mean exit?"),
        ("command~=a(b", "'command~=a(b', character 11: missing ), unterminated subpattern"),
        ("pid=99999999999999999999", "character 5: '99999999999999999999' is not a number"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        READER.term(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("comm==gcc", "'comm==gcc', character 6: write 'comm=gcc', or \\="),
        ("uid!==0", "'uid!==0', character 6: write 'uid!=0', or \\="),
    ],
)
def test_two_equals_signs_are_a_mistake_of_whoever_types_them(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(READER, typed=True).term(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["=x", "x=", "=,y", "=="])
@pytest.mark.parametrize("field", ["comm", "argv"])
def test_what_is_written_back_is_read_as_the_same(field: str, text: str) -> None:
    term = READER.term(f"{field}={text}")
    assert replace(READER, typed=True).term(text_of_term(term)) == term
    found = READER.term(f"{field}~={text}")
    assert replace(READER, typed=True).term(text_of_term(found)) == found


def test_every_key_of_an_event_is_a_field() -> None:
    assert {field.name for field in FIELDS} <= KINDS.keys()


@given(st.text(max_size=31))
def test_any_text_can_be_asked_for(text: str) -> None:
    escaped = "".join(f"\\{char}" if char in ",*?\\" else char for char in text)
    if escaped == "null":
        escaped = "\\null"
    assert READER.term(f"comm={escaped}").any_of == (text,)


@given(st.text(max_size=31))
def test_whatever_is_typed_is_a_term_or_one_line(text: str) -> None:
    for field in ("comm", "argv", "exit_code", "duration", "uid", "signal", "errno", "truncated"):
        for operator in ("=", "!=", "~="):
            with suppress(UsageError):
                assert READER.term(f"{field}{operator}{text}").any_of


def test_names_of_signals_are_those_of_the_machine() -> None:
    for each in signal.Signals:
        assert READER.term(f"signal={each.name}").any_of == (int(each),)
