"""What redaction hides in arguments, what it leaves, and that no argument makes it slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.redaction.argv import redact_argv, redact_events
from execdb.store.redaction.shapes import REDACTED, SHAPES
from tests.conftest import an_event
from tests.running.thorough import first
from tests.store.redaction.examples import GITHUB, HIDDEN, JWT, LEFT


@pytest.mark.parametrize(("argv", "shown"), HIDDEN, ids=str)
def test_a_secret_is_hidden_and_the_rest_stays(argv: list[str], shown: list[str] | None) -> None:
    got = redact_argv(tuple(argv))
    if shown is not None:
        assert [*got] == [word.replace("#", REDACTED) for word in shown]
    assert not any(word in " ".join(got) for word in ("hunter2", GITHUB, JWT, "MIIE"))
    assert redact_argv(got) == got


@pytest.mark.parametrize("argv", LEFT, ids=str)
def test_what_is_no_secret_is_left(argv: list[str]) -> None:
    assert [*redact_argv(tuple(argv))] == argv


@given(st.lists(st.text("ab-=:/@'\"\\ &,{}pk\n"), max_size=5).map(tuple))
def test_nothing_but_words_is_changed(argv: tuple[str, ...]) -> None:
    assert len(redact_argv(argv)) == len(argv)


@given(st.from_regex(r"[A-Za-z0-9]{8,20}", fullmatch=True), st.sampled_from("'\" &;,\\=:"))
def test_an_argument_that_is_all_secret_is_all_hidden(secret: str, odd: str) -> None:
    for argv in (
        ["x", "--token", f"{secret}{odd}{secret}"],
        ["env", f"TOKEN={secret}{odd}{secret}"],
    ):
        if odd not in "&":
            assert secret not in "".join(redact_argv(tuple(argv))[1:])


_PARTS = [
    "a", "=", "'", '"', "\\", '\\"', " ", "a ", "a=", "key=", "key='", 'key="', 'key="\\', "key: ",
    '"key":', "://", "://a:", "a://b:c", "://a:@", "-----BEGIN PRIVATE KEY-----", "-----END ",
    "eyJ", "eyJaaaaaaaaaa.", "xoxb-", "ghp_", "glpat-", "curl ", "-u ", "--password ", "-p",
    "docker ",
    "Bearer ", "Basic a", "&a=", "password=&a", "a,", "key=a,b", "-", "--a-", ".", "'a' ", "' \"",
    "sh -c '", "\n", "aB", "github_pat_", "AKIA", "pypi-AgE", "[", "a[", "\udcff", "sk_live_",
    "chpasswd <<< ", "$(", "key:", '"key":[', '"key":{', "<token>",
    "key=$(", "key=`a", "key=`", "sudo -S ", "stdin ", "config ", "password ", "printf ", "1:AA",
    "echo x|" + " " * 200, "echo x | ", "echo -n ",
]  # fmt: skip


@pytest.mark.parametrize("part", first(11, _PARTS))
def test_a_hostile_argument_takes_no_longer_than_others(part: str) -> None:
    text = (part * 49_152)[:49_152]
    began_s = time.process_time()
    for argv in (("x", text), ("x", "-c", text), ("x", "--password=" + text), ("curl", "-u", text)):
        redact_argv(argv)
    assert time.process_time() - began_s < 4  # a pattern that is not linear takes minutes


def test_many_hostile_arguments_take_no_longer() -> None:
    began_s = time.process_time()
    redact_argv(("curl", "docker", "login") * 8_000 + ("-p",) * 24_000)
    assert time.process_time() - began_s < 4


def test_each_shape_hides_one_of_the_examples() -> None:
    examples = "\n".join(word for argv, _ in HIDDEN for word in argv)
    assert [shape.name for shape in SHAPES if not shape.pattern.search(examples)] == []


def test_events_are_redacted_with_everything_else_unchanged() -> None:
    plain, secret = an_event(1), an_event(2, argv=("x", "--token", "hunter2"))
    shown = [*redact_events([plain, secret, secret])]
    assert shown == [plain, *[secret._replace(argv=("x", "--token", REDACTED))] * 2]
