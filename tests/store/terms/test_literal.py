"""A required literal is in every text that the expression matches."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from execdb.store.terms.literal import required_literal


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("secret", "secret"),
        (r"part-5000..[0-9]", "part-5000"),
        (r"/usr/lib\.so\+x", "/usr/lib.so+x"),
        ("colou?r", "colo"),
        ("abc+d", "abc"),
        ("abc{0,2}defg", "defg"),
        ("abc*?defg", "defg"),
        (r"[a\]bcdef]xyz", "xyz"),
        (r"[]abcdef]xyz", "xyz"),
        ("one two", "one"),
        (r"\bword\d", "word"),
        ("(?i)secret", None),
        ("secret|other", None),
        ("(secret)?", None),
        ("it", None),
        (r"\x41bcdef", None),
        (r"\101bcdef", None),
        ("", None),
    ],
)
def test_examples(pattern: str, literal: str | None) -> None:
    assert required_literal(pattern) == literal


PARTS = st.sampled_from(
    ["abc", "b", "-x", "/", ".", r"\.", r"\d", r"\\", "[ab]", "[^a]", "[]b]", "*", "+", "?", "{2}",
     "{0,1}", "*?", "^", "$", " ", "'"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=8).map("".join), st.text("abcx-/.\\]{}02 '", max_size=24))
def test_what_matches_contains_it(pattern: str, text: str) -> None:
    try:
        found = re.search(pattern, text)
    except re.error:
        assume(False)
    literal = required_literal(pattern)
    if found and literal is not None:
        assert literal in found[0]
