"""The options that choose events: one set for all commands, and the filter they make."""

import re
from dataclasses import fields
from typing import Any

import pytest

from docs.generate import help_of
from execdb.cli.input.options.classes import OF_THE_HISTORY
from execdb.cli.input.options.filter import FilterOptions, filter_of, start_filter_of
from execdb.store.errors import UsageError
from execdb.store.terms.term import Glob, Term
from tests.conftest import a_filter


@pytest.mark.parametrize("command", ["query", "replay"])
def test_a_command_has_every_option(command: str) -> None:
    page = re.sub(r"(?<=\S)/(?=--)", " ", help_of(command))
    terms, *options = fields(FilterOptions)
    assert terms.name == "terms"
    assert "\n  [TERM...]" in page
    for field in options:
        assert f"  --{field.name.replace('_', '-')} " in page


def test_collect_has_those_that_can_be_told_of_a_start() -> None:
    page = help_of("collect")
    for field in fields(FilterOptions):
        wanted = field.name not in OF_THE_HISTORY
        name = "[TERM...]" if field.name == "terms" else f"--{field.name.replace('_', '-')} "
        assert (f"\n  {name}" in page) is wanted


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("exit_code=1..", "exit_code is known when a program ends"),
        ("duration=5s..", "duration_ns is known when a program ends"),
        ("signal!=null", "signal is known when a program ends"),
        ("command~=(?=a)", r"command~=(?=a): invalid perl operator: (?="),
        (r"comm~=(a)\1", "invalid escape sequence"),
        ("no_such=1", "there is no field no_such"),
    ],
)
def test_what_cannot_be_told_of_a_start_is_refused(term: str, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        start_filter_of(FilterOptions(terms=[term]))
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({}, {}),
        ({"uid": ["root"], "loginuid": ["501"]}, {"uid": 0, "loginuid": 501}),
        ({"pid": [23], "ppid": [1]}, {"pid": 23, "ppid": 1}),
        ({"comm": ["py*"], "path": ["/bin/sh"]}, {"comm": "py*", "path": "/bin/sh"}),
        ({"arg": ["-x"], "cgroup": ["/a"]}, {"arg": "-x", "cgroup": "/a"}),
        ({"message": ["Hi"], "host": ["h*"]}, {"host": "h*", "message": "Hi"}),
        ({"terms": ["comm=sh"]}, {"terms": (Term("comm", ("sh",)),)}),
        ({"uid": ["root", "501"]}, {"terms": (Term("uid", (0, 501)),)}),
        ({"terms": ["comm=sh"], "comm": ["py*"]},
         {"terms": (Term("comm", ("sh", Glob("py*"))),)}),
        ({"terms": ["comm!=sh"], "comm": ["py*"]},
         {"terms": (Term("comm", ("sh",), negated=True), Term("comm", (Glob("py*"),)))}),
        ({"comm": ["\udcff"]}, {"comm": "\udcff"}),
        ({"failed": False}, {"failed": False}),
        ({"descendants_of": [-1, 7]}, {"descendants_of": (-1, 7)}),
        ({"running": True}, {"running": True}),
        ({"since": "@1", "until": "@2"}, {"since_ns": 10**9, "until_ns": 2 * 10**9}),
    ],
)  # fmt: skip
def test_what_was_typed_becomes_a_filter(typed: dict[str, Any], meant: dict[str, Any]) -> None:
    assert filter_of(FilterOptions(**typed)) == a_filter(**meant)


@pytest.mark.parametrize(
    "typed",
    [
        {"running": True, "failed": True},
        {"uid": ["root", "no-such-user"]},
        {"since": "@2", "until": "@1"},
        {"since": "soon"},
    ],
)
def test_what_makes_no_sense_is_refused(typed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        filter_of(FilterOptions(**typed))
