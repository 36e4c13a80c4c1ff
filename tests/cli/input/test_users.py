"""Who a collector is where nobody has said so."""

import os
import pwd
from typing import NamedTuple

import pytest

from execdb.cli.input.users import Identity, own_user
from execdb.collector.own_process import privileges


class Entry(NamedTuple):
    pw_uid: int
    pw_gid: int


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> dict[str, Entry]:
    known: dict[str, Entry] = {}
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)
    monkeypatch.setattr(privileges, "may_become", lambda uid: True)
    return known


def test_is_execdb_where_there_is_such_a_user(users: dict[str, Entry]) -> None:
    users["execdb"] = Entry(997, 991)
    assert own_user() == Identity(997, 991)


def test_is_nobody_elsewhere(users: dict[str, Entry]) -> None:
    assert own_user().uid == 65_534


def test_stays_who_it_is_without_the_right_to_change(
    users: dict[str, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "may_become", lambda uid: False)
    assert own_user() == Identity(os.getuid(), os.getgid())
