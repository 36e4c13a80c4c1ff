"""Recorded text in PostgreSQL's, and passwords out of what is shown."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from execdb.store.central.text import from_central, to_central
from execdb.store.central.url import CentralUrl

_RAW = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode))


@settings(max_examples=50)
@given(st.lists(_RAW, max_size=5).map(b"".join))
def test_every_text_comes_back_as_it_was(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    kept = to_central(text)
    assert "\0" not in kept
    kept.encode()  # it is UTF-8
    assert from_central(kept) == text


@given(st.text(alphabet="\0\udcf4\udc8f\udcbc\udc80\U0010ff80\U0010fff4\U0010ff00a", max_size=9))
def test_text_of_the_area_that_stands_for_bytes_comes_back_too(text: str) -> None:
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    assert from_central(to_central(readable)) == readable


def test_a_url_is_shown_without_its_passwords() -> None:
    for text in (
        "postgresql://[s3cret",
        "postgres://u:a@s3cret@h/d",
        "postgresql://u:a/s3cret@h/d",
        "postgresql://u:s3cret/a@h/d",
        "postgresql://u:a?s3cret@h/d",
        "postgresql://u:s3cret?a@h/d",
        "postgresql://u:a#s3cret@h/d",
        "postgresql://u:s3cret#a@h/d",
        "postgresql://u:a@b/s3cret@h/d",
        "postgresql://h/d?sslmode=a;password=s3cret",
    ):
        assert "s3cret" not in str(CentralUrl(text))
    for text in (
        "postgresql://u:s3cret@h/d",
        "postgresql://u@h/d?password=s3cret&sslmode=require",
        "postgresql://u:s3cret@[::1]:5/d",
    ):
        assert "s3cret" not in str(CentralUrl(text))
        assert "s3cret" not in CentralUrl(text).without_secrets("it was s3cret")


def test_a_sentence_does_not_repeat_a_password_with_a_character_of_urls() -> None:
    for mark in "/?#@":
        url = CentralUrl(f"postgresql://u:one{mark}s3cret@h/d")
        for said in (f"one{mark}s3cret is wrong", 'no "s3cret" here', "port one:", "/s3cret@h/d"):
            assert not {"one", "s3cret"} & {*re.findall(r"\w+", url.without_secrets(said))}, said
        assert url.without_secrets("it is down") == "it is down"
