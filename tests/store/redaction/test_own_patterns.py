"""Patterns of secrets from files: what they hide and leave, and that none makes anything slow."""

import time

import pytest

from execdb.store.linear_regex import BadPattern
from execdb.store.redaction.argv import redact_argv, redact_text
from execdb.store.redaction.own_patterns import OwnPattern


@pytest.mark.parametrize(
    ("pattern", "text", "shown"),
    [
        (r"corp_[a-z0-9]{8}", "a corp_12345678 b", "a [redacted] b"),
        (r"corp_[a-z0-9]{8}", "a corp_1234567 b", "a corp_1234567 b"),
        (r"badge=(\d+)", "badge=23 pin=42", "badge=[redacted] pin=42"),
        (r"a(x)?b", "ab axb", "ab a[redacted]b"),
        (r"é+", "caféé\udcffé", "caf[redacted]\udcff[redacted]"),
        (r"(?i)SECRET-\w+", "secret-x", "[redacted]"),
        (r"s=.*", "s=\udcff\nx", "[redacted]\nx"),
        (r"(?s)s=.*", "s=\udcff\nx", "[redacted]"),
    ],
)
def test_hides_what_is_found(pattern: str, text: str, shown: str) -> None:
    assert OwnPattern(pattern).hide(text) == shown


@pytest.mark.parametrize(
    "pattern", ["", "a*", "x|", "(", "(?=a)", r"(a)\1", "(?:a{1000}){1000}", "a" * 1001, "\udcff"]
)
def test_what_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        OwnPattern(pattern)


def test_they_add_to_what_is_known() -> None:
    own = [OwnPattern(r"badge-\d+")]
    argv = ("tool", "--password=hunter2", "badge-23", "sh -c 'x badge-42'")
    shown = ("tool", "--password=[redacted]", "[redacted]", "sh -c 'x [redacted]'")
    assert redact_argv(argv, own) == shown


def test_the_rest_of_an_argument_with_very_many_is_hidden() -> None:
    assert OwnPattern("x").hide("ax" * 256 + "b") == "a[redacted]" * 256 + "b"
    assert OwnPattern("x").hide("ax" * 300) == "a[redacted]" * 256 + "[redacted]"


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(a|aa)+b", r"a*a*a*a*b", r"(x+x+)+y", "a", r"\w+@"]
)
def test_no_argument_makes_a_pattern_slow(pattern: str) -> None:
    """Against a text of the largest size that is recorded."""
    regex, took = OwnPattern(pattern), []
    for hostile in ("a" * 48_000, "x" * 48_000, "é" * 24_000):
        begun_s = time.thread_time()
        regex.hide(hostile)
        took.append(time.thread_time() - begun_s)
    assert max(took) < 0.5


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("curl -u bob:hunter2 http://x", "curl -u bob:[redacted] http://x"),
        ('["curl", "-u", "bob:hunter2"]', '["curl", "-u", "bob:[redacted]"]'),
        ("[1, 2]", "[1, 2]"),
        ("[broken --password hunter2", "[broken --password [redacted]"),
        ("password=hunter2", "password=[redacted]"),
        ("badge-23", "[redacted]"),
        ("/usr/bin/make", "/usr/bin/make"),
    ],
)
def test_a_text_from_sql_is_redacted(text: str, shown: str) -> None:
    assert redact_text(text, [OwnPattern(r"badge-\d+")]) == shown
