"""JSON as execdb writes it: it says what was meant and harms no terminal."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.event import text_of
from execdb.store.json_text import json_of

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(st.binary().map(text_of))
def test_json_says_the_same_and_is_harmless(text: str) -> None:
    written = json_of([text])
    assert json.loads(written) == [text]
    assert written.encode()  # valid UTF-8
    assert not any(unicodedata.category(char) == "Cc" or char in BIDI for char in written)


@pytest.mark.parametrize("char", ["\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\udcff", "\n"])
def test_json_escapes_what_a_terminal_would_act_on(char: str) -> None:
    written = json_of("é" + char)
    assert char not in written
    assert json.loads(written) == "é" + char
