"""One of the required literals is in every text that the expression matches."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from execdb.store.terms.literal import required_literals


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
        ("abc{d|efgh}", "abc efgh"),
        ("abc{,2}defg", "defg"),
        (r"[a\]bcdef]xyz", "xyz"),
        (r"[]abcdef]xyz", "xyz"),
        ("one two", "one"),
        (r"\bword\d", "word"),
        ("--(password|token)=", "password token"),
        ("(needle|nothere).*stack", "needle nothere"),
        ("(abc|de)xyz", "xyz"),
        ("(abcd)+?e", "abcd"),
        ("(abcd)*?ef", None),
        ("(?P<n>hello)x", "hello"),
        ("a(b(cde|fgh))?", None),
        ("a(?:b(cde|fgh))", "cde fgh"),
        ("abc|", None),
        ("(?i)secret", None),
        ("(?!secret)", None),
        (r"(secret)\1", None),
        ("secret|other", "secret other"),
        ("(secret)?", None),
        ("it", None),
        (r"\x41bcdef", None),
        (r"\101bcdef", None),
        ("", None),
    ],
)
def test_examples(pattern: str, literal: str | None) -> None:
    assert required_literals(pattern) == tuple((literal or "").split())


PARTS = st.sampled_from(
    ["abc", "b", "-x", "/", ".", r"\.", r"\d", r"\\", "[ab]", "[^a]", "[]b]", "*", "+", "?", "{2}",
     "{0,1}", "*?", "^", "$", " ", "'",
     "(", "(?:", ")", "|", "(abc|b-x)", "{", "}"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=8).map("".join), st.text("abcx-/.\\]{}02 '", max_size=24))
def test_what_matches_contains_it(pattern: str, text: str) -> None:
    try:
        found = re.search(pattern, text)
    except re.error:
        assume(False)
    literals = required_literals(pattern)
    if found and literals:
        assert any(literal in found[0] for literal in literals)
