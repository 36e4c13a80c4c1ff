"""Whether an event satisfies terms, on values alone."""

import pytest

from execdb.store.terms.match import matcher
from tests.store.terms.test_parse import READER

EVENT = {
    "comm": "cc1",
    "filename": "/usr/lib/gcc/cc1",
    "argv": ("cc1", "-O2", "a file.c"),
    "exit_code": None,
    "signal": 9,
    "errno": None,
    "duration_ns": 250_000_000,
    "uid": 1001,
    "tty": None,
    "truncated": False,
    "command": "cc1 -O2 'a file.c'",
}


@pytest.mark.parametrize(
    ("terms", "holds"),
    [
        ("comm=gcc,cc1", True),
        ("comm=gcc", False),
        ("comm!=gcc", True),
        ("comm!=gcc,cc1", False),
        ("filename=/usr/*/cc?", True),
        ("filename=usr", False),
        ("filename~=lib/g", True),
        ("filename!~=lib/g", False),
        ("argv=-O2", True),
        ("argv=*file*", True),
        ("argv=-O3", False),
        ("argv!=-O2", False),
        ("argv!=-O3", True),
        ("command~='a file", True),
        ("signal=KILL", True),
        ("signal=1..8", False),
        ("exit_code=null", True),
        ("exit_code!=0", True),
        ("exit_code=0..", False),
        ("errno!=null", False),
        ("tty!=pts/1", True),
        ("tty!~=.", True),
        ("duration=200ms..1s", True),
        ("uid=alice truncated=no comm=cc1", True),
        ("uid=alice truncated=yes comm=cc1", False),
        ("comm=as comm=cc1", True),
    ],
)
def test_terms_of_values(terms: str, holds: bool) -> None:
    assert matcher(READER.terms(terms.split(" " if "'" not in terms else "\0")))(EVENT) is holds
