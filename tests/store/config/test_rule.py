"""What a rule may ask for, and what it decides. The kernel's side of it is in tests/kernel."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.config.rule import Action, Rule, decide, make_rule
from execdb.store.errors import UsageError
from execdb.store.terms.match import matcher
from execdb.store.terms.parse import Reader
from execdb.store.terms.users import uid_of

READER = Reader(uid_of, int)
EVENT = {
    "uid": 1000, "euid": 0, "loginuid": None, "comm": "sudo", "filename": "/usr/bin/sudo",
    "cgroup": "/user.slice/user-1000.slice",
}  # fmt: skip


def a_rule(*terms: str, action: Action = Action.IGNORE, number: int = 1) -> Rule:
    return make_rule(number, action, READER.terms(terms))


MATCHES = {
    "": True,
    "uid=1000": True,
    "uid=0": False,
    "uid=0,1000": True,
    "uid=root": False,
    "euid=root": True,
    "loginuid=null": True,
    "loginuid=1000": False,
    "comm=sudo": True,
    "comm=sud": False,
    "comm=sud*": True,
    "comm=*": True,
    "comm=sudo*": True,
    "comm=sudoku*": False,
    r"comm=sud\*": False,
    "filename=/usr/*": True,
    "filename=/usr": False,
    "cgroup=/": True,
    "cgroup=*": True,
    "cgroup=/user.slice": True,
    "cgroup=/user.slice/": True,
    "cgroup=/user": False,
    "cgroup=/user*": True,
    "cgroup=/user.slice/user-1000.slice": True,
    "cgroup=/user.slice/user-1000.slice/*": False,
    "cgroup=/user.slice/user-1*": True,
    "uid=1000 comm=sudo cgroup=/user.slice": True,
    "uid=1000 comm=su": False,
}


@pytest.mark.parametrize(("terms", "holds"), MATCHES.items())
def test_a_rule_matches_if_all_its_terms_do(terms: str, holds: bool) -> None:
    assert a_rule(*terms.split()).matches(EVENT) is holds


def test_the_first_rule_that_matches_decides() -> None:
    record_root = a_rule("uid=0", action=Action.RECORD, number=5)
    rules = [a_rule("comm=su"), record_root, a_rule(number=2)]
    assert decide(rules, EVENT) is rules[2]
    assert decide(rules, EVENT | {"uid": 0}) is record_root
    assert decide(rules[:2], EVENT) is None


def test_bytes_that_are_not_utf_8_are_compared_as_bytes() -> None:
    rule = a_rule("comm=caf\udcc3*")
    assert rule.matches(EVENT | {"comm": "café"})
    assert rule.matches(EVENT | {"comm": "caf\udcc3"})
    assert not rule.matches(EVENT | {"comm": "caf"})


REFUSED = {
    "pid=1": "a rule cannot ask for pid",
    "argv=x": "a rule cannot ask for argv",
    "uid!=0": "put a rule for the exception before it",
    "uid=0..10": "one user or several",
    "uid=null": "one user or several",
    "comm~=x": "a text, exact or with",
    "comm=null": "a text, exact or with",
    "comm=*x": "one *, at its end",
    "comm=a?": "one *, at its end",
    "comm=a**": "one *, at its end",
    "comm=" + "x" * 16: "at most 15 bytes",
    "filename=/" + "x" * 250: "at most 250 bytes",
    "filename=/\0": "NUL",
    "filename=\ud800": "UTF-8",
    "cgroup=system.slice": "a path from the root",
    "cgroup=/a/../b": "no . and .. in it",
    "cgroup=" + "/a" * 16: "at most 15 levels",
    "uid=" + ",".join(map(str, range(65))): "at most 64 values",
}


@pytest.mark.parametrize(("term", "why"), REFUSED.items())
def test_what_the_kernel_cannot_decide_is_refused_in_a_line(term: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        a_rule(term)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("note", ["x" * 251, "a\nb", "a\x1b[1m", "\u202e"])
def test_a_note_is_a_short_line(note: str) -> None:
    with pytest.raises(UsageError, match="250 characters"):
        make_rule(1, Action.IGNORE, (), note)


TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=15)
NAMES = TEXTS.filter(lambda text: len(text.encode()) <= 15)
ESCAPED = NAMES.map(lambda text: "".join(f"\\{c}" if c in "\\*?," else c for c in text))


@given(st.lists(ESCAPED, min_size=1, max_size=5), st.booleans(), NAMES)
def test_terms_mean_the_same_in_a_rule_as_in_a_question(
    values: Sequence[str], prefix: bool, comm: str
) -> None:
    values = [value.replace("null", "\\null") for value in values]
    text = "comm=" + ",".join(value + "*" * prefix for value in values)
    asked: dict[str, Any] = EVENT | {"comm": comm}
    rule = a_rule(text)
    assert rule.matches(asked) is matcher(READER.terms([text]))(asked)
    assert a_rule(*rule.terms) == rule  # its text says the same
