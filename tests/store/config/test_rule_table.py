"""The tables of rules and limits: order, numbers, bounds, and rows that others wrote."""

import pytest

from execdb.store.config.limit import NONE, Limit
from execdb.store.config.limit_table import LimitTable
from execdb.store.config.rule import Action
from execdb.store.config.rule_table import RuleTable
from execdb.store.config.table import ConfigTable
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.file.database import Database
from execdb.store.terms.parse import Reader
from execdb.store.terms.users import uid_of

READER = Reader(uid_of, int)


class Desk:
    """The tables of a database, written to as the commands do."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rules, self.limits = RuleTable(database), LimitTable(database)
        self.config = ConfigTable(database)

    def ignore(self, *terms: str, before: int | None = None, note: str | None = None) -> int:
        return self.rules.add(Action.IGNORE, READER.terms(terms), note, before)[0].number

    def listed(self) -> list[tuple[int, str]]:
        return [(rule.number, str(rule)) for rule in self.config.read().rules]

    def by_sql(self, sql: str) -> None:
        with self.database.writing() as connection:
            connection.execute(sql)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_rules_are_kept_in_order(desk: Desk) -> None:
    assert (desk.ignore("comm=a"), desk.ignore("comm=b")) == (1, 2)
    assert desk.ignore("comm=c", before=1) == 3
    assert desk.ignore("comm=d", before=2) == 4
    assert desk.listed() == [
        (3, "ignore comm=c"), (1, "ignore comm=a"), (4, "ignore comm=d"), (2, "ignore comm=b"),
    ]  # fmt: skip


def test_a_number_is_never_given_twice(desk: Desk) -> None:
    desk.ignore("comm=a")
    desk.rules.remove(desk.ignore("comm=b"))
    assert desk.ignore("comm=c") == 3
    desk.by_sql("UPDATE config_state SET next_rule = 'x'")
    assert desk.ignore("comm=d") == 4
    desk.by_sql("DELETE FROM config_state")
    assert desk.ignore("comm=e") == 5


def test_a_rule_that_is_there_is_not_added_again(desk: Desk) -> None:
    desk.ignore("comm=a")
    generation = desk.config.read().generation
    assert desk.ignore("comm=a") == 1
    assert desk.config.read().generation == generation
    assert desk.ignore("comm=a", before=1) == 2


def test_each_change_of_rules_and_limits_is_a_generation(desk: Desk) -> None:
    start = desk.config.read().generation
    desk.ignore()
    desk.rules.remove(1)
    desk.limits.set(None, {"execs": 100})
    desk.limits.set(None, {"execs": 100})
    assert desk.config.read().generation == start + 3


def test_there_are_64_rules_at_most(desk: Desk) -> None:
    for number in range(64):
        desk.ignore(f"uid={number}")
    before = desk.listed()
    with pytest.raises(ExecdbError, match="64 rules"):
        desk.ignore("uid=64")
    assert desk.listed() == before


@pytest.mark.parametrize("number", [0, 2, -1, 1 << 62])
def test_a_rule_that_is_not_there(desk: Desk, number: int) -> None:
    desk.ignore("comm=a")
    before = desk.config.read()
    with pytest.raises(ExecdbError, match=f"no rule {number}"):
        desk.rules.remove(number)
    with pytest.raises(ExecdbError, match=f"no rule {number}"):
        desk.ignore("comm=b", before=number)
    assert desk.config.read() == before


def test_limits_are_changed_in_parts(desk: Desk) -> None:
    assert desk.limits.set(33, {"execs": 10})[0] == Limit(10, None)
    assert desk.limits.set(33, {"bytes": NONE})[0] == Limit(10, NONE)
    desk.limits.set(None, {"bytes": 5000})
    config = desk.config.read()
    assert config.limits == {33: Limit(10, NONE)}
    assert config.default_limit == Limit(None, 5000)
    assert Limit(10, None).of(config.default_limit) == Limit(10, 5000)
    assert config.default_limit.of(config.default_limit) == Limit(NONE, 5000)
    desk.limits.set(33, {"execs": None, "bytes": None})
    assert desk.config.read().limits == {}


@pytest.mark.parametrize(
    "changes", [{"execs": 0}, {"execs": 1_000_001}, {"bytes": 999}, {"bytes": 10**9 + 1}]
)
def test_a_limit_that_cannot_be(desk: Desk, changes: dict[str, int | None]) -> None:
    before = desk.config.read()
    for uid in (None, 7):
        with pytest.raises(UsageError, match="a second, or none"):
            desk.limits.set(uid, changes)
    with pytest.raises(UsageError, match="outside"):
        desk.limits.set(-1, {"execs": 5})
    assert desk.config.read() == before


def test_no_more_than_1024_users_have_limits(desk: Desk) -> None:
    with desk.database.writing() as connection:
        rows = [(uid, 5, None) for uid in range(1_024)]
        connection.executemany("INSERT INTO user_limit VALUES (?, ?, ?)", rows)
    with pytest.raises(ExecdbError, match="1024 users"):
        desk.limits.set(1_024, {"execs": 5})
    desk.limits.set(1_023, {"execs": 7})
    assert desk.config.read().limits[1_023] == Limit(7, None)


BAD = {
    "(2, 2, 'ignore', 'x', NULL)": "no list of texts",
    "(2, 2, 'ignore', '{}', NULL)": "no list of texts",
    "(2, 2, 'ignore', '[1]', NULL)": "no list of texts",
    "(2, 2, 'ignore', x'00', NULL)": "no list of texts",
    "(2, 2, 'ignore', '[\"uid=alice\"]', NULL)": "stored as numbers",
    "(2, 2, 'ignore', '[\"pid=1\"]', NULL)": "cannot ask for pid",
    "(2, 2, 'drop', '[]', NULL)": "neither ignore nor record",
    "(2, 2, 'ignore', '[]', x'00')": "note is no text",
    "(2, 2, 'ignore', '[]', zeroblob(170003))": "too long",
    "(2, 2, 'ignore', hex(zeroblob(100003)), NULL)": "too long",
}


@pytest.mark.parametrize("values", BAD)
def test_a_bad_row_and_the_rules_behind_it_are_not_used(desk: Desk, values: str) -> None:
    desk.ignore("comm=a")
    desk.by_sql(f"INSERT INTO rule VALUES {values}")
    desk.by_sql("INSERT INTO rule VALUES (3, 3, 'ignore', '[]', NULL)")
    config = desk.config.read()
    assert [rule.number for rule in config.rules] in ([1], [])
    (refused,) = config.refused
    assert BAD[values] in str(refused)


@pytest.mark.parametrize(
    "row",
    ["(-2, 5, 5000)", "(7, 'x', NULL)", "(7, NULL, zeroblob(170003))", "(7, 5, 1)", "(7, 0, NULL)"],
)
def test_a_bad_limit_costs_only_itself(desk: Desk, row: str) -> None:
    desk.limits.set(5, {"execs": 5})
    desk.by_sql(f"INSERT INTO user_limit VALUES {row}")
    config = desk.config.read()
    assert config.limits == {5: Limit(5, None)}
    assert len(config.refused) == 1
    assert "the limit of uid" in str(config.refused[0])


def test_rules_of_others_without_a_place_of_their_own(desk: Desk) -> None:
    desk.by_sql(
        "INSERT INTO rule VALUES (7, 0, 'ignore', '[\"uid=7\"]', NULL),"
        " (9, 0, 'ignore', '[\"uid=9\"]', NULL)"
    )
    assert desk.ignore("uid=8", before=9) == 10
    assert [number for number, _ in desk.listed()] == [7, 10, 9]
