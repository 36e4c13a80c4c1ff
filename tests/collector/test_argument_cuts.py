"""Whose arguments are cut is said once, and again after a pause."""

from execdb.collector.argument_cuts import ArgumentCuts

SECOND = 1_000_000_000


class Users(dict[int, int]):
    """uid -> execs that were cut."""

    asked = 0

    def __call__(self) -> dict[int, int]:
        self.asked += 1
        return dict(self)


def cuts_of(users: Users) -> tuple[ArgumentCuts, list[str]]:
    said: list[str] = []
    return ArgumentCuts(users, said.append), said


def test_is_said_when_it_begins_and_not_again_while_it_lasts() -> None:
    users = Users({1000: 1})
    cuts, said = cuts_of(users)
    for second in range(1, 30):
        users[1000] = second
        cuts.look(second, second * SECOND)
    assert said == [
        "uid 1000 starts programs with more arguments than the limit: they are cut to 256 bytes "
        "(execdb config limit)"
    ]
    cuts.look(29, 60 * SECOND)
    assert len(said) == 1
    users[1000] = 31
    cuts.look(31, 61 * SECOND)
    assert len(said) == 2
    assert cuts.total == 31


def test_each_user_who_begins_is_named() -> None:
    users = Users({1000: 7, 0: 0})
    cuts, said = cuts_of(users)
    cuts.look(7, SECOND)
    users |= dict.fromkeys(range(2003, 2003 + 23), 1)
    cuts.look(30, 3 * SECOND)
    assert said[0].startswith("uid 1000 starts ")
    assert said[1].startswith("uids 2003, 2004, 2005 and 20 more start ")


def test_the_users_are_asked_for_seldom() -> None:
    users = Users({1000: 1})
    cuts, said = cuts_of(users)
    for number in range(1, 101):
        cuts.look(number, number * SECOND // 10)
    assert users.asked == 10
    for _ in range(97):
        cuts.look(100, 60 * SECOND)
    assert users.asked == 11
    assert len(said) == 1


def test_nothing_is_asked_for_where_nothing_was_cut() -> None:
    users = Users()
    cuts, said = cuts_of(users)
    for second in range(23):
        cuts.look(0, second * SECOND)
    assert (users.asked, said) == (0, [])


def test_what_was_cut_for_another_reason_names_nobody() -> None:
    """A ring that was filling up is nobody's budget."""
    cuts, said = cuts_of(Users())
    cuts.look(23, SECOND)
    assert (cuts.total, said) == (23, [])
