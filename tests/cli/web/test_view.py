"""The address of a view, and the view of an address."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.cli.web.site import Site
from execdb.cli.web.view import (
    View,
    filter_for,
    joined,
    term_of,
    time_term,
    view_of,
    words_of,
)
from execdb.store.asking.kept_open import KeptOpen
from execdb.store.browsing.pages import Moment
from execdb.store.errors import UsageError
from execdb.store.event import text_of
from execdb.store.reading.filter import Filter
from execdb.store.terms.match import matcher
from tests.conftest import START_NS

recorded_text = st.binary(max_size=20).map(lambda raw: text_of(raw.replace(b"\0", b"")))
words = st.lists(recorded_text.filter(bool), max_size=5, unique=True).map(tuple)


@given(words, st.booleans(), st.booleans(), st.none() | st.just(Moment(1, -2, 3)))
def test_an_address_says_all(
    chosen: tuple[str, ...], oldest: bool, redact: bool, after: Moment | None
) -> None:
    view = View(chosen, oldest, redact, after)
    address = view.address("/x", more="1")
    assert address.isascii()
    assert view_of(address.removeprefix("/x?")) == (view, {"more": "1"})


@given(recorded_text)
def test_the_term_of_a_value_means_that_value(text: str) -> None:
    wanted = filter_for([term_of("comm", text)])
    holds = matcher(wanted.terms)
    assert holds({"comm": text})
    assert not holds({"comm": text + "x"})
    assert not holds({"comm": None})


def test_a_time_is_a_span_and_no_condition() -> None:
    wanted = filter_for([time_term(START_NS, START_NS + 1_500), "comm=gcc"])
    assert (wanted.since_ns, wanted.until_ns) == (START_NS, START_NS + 1_500)
    assert [term.field for term in wanted.terms] == ["comm"]


@pytest.mark.parametrize("word", ["argv=a*", "argv!=a", "command~=a", "command!~=a", "--arg=a"])
def test_a_page_that_always_hides_secrets_answers_no_guess_at_one(word: str) -> None:
    store = cast(KeptOpen, None)  # is not asked
    view = View(("comm=gcc", word))
    assert Site(store, None).wanted(view) == filter_for(view.words)
    with pytest.raises(UsageError, match="no terms about argv"):
        Site(store, None, redact=True).wanted(view)


def test_what_is_typed_is_read_as_in_a_shell() -> None:
    assert words_of("comm=gcc 'command~=a b' --since 2h --failed") == (
        "comm=gcc", "command~=a b", "--since=2h", "--failed",
    )  # fmt: skip
    assert joined(["--uid", "0", "x"]) == ["--uid=0", "x"]
    with pytest.raises(UsageError, match="close it"):
        words_of("'")
    with pytest.raises(UsageError, match="at most"):
        words_of(" ".join(map(str, range(100))))


def test_one_switch_replaces_another() -> None:
    view = View(("comm=gcc", "--failed")).with_word("--running")
    assert view.words == ("comm=gcc", "--running")
    assert view.without("--running").words == ("comm=gcc",)
    assert filter_for(view.words).running
    assert filter_for(()) == Filter(replays=True)  # the page shows everything


def test_another_time_replaces_the_time() -> None:
    view = View(("time=1h..", "--since=2h", "uid=0")).within(START_NS, START_NS + 10**9)
    assert view.words[0] == "uid=0"
    assert len(view.words) == 2
    assert view.always().words == ("uid=0",)
