"""What --max-size removed, and of which user, in sentences."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.output.counted import counted
from execdb.cli.output.streams import say
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.file.database import Database
    from execdb.store.ledger.coverage import Period
    from execdb.store.ledger.trimmed import Trim
    from execdb.store.reading.filter import Filter


def within(trims: Iterable["Trim"], since_ns: int | None, until_ns: int | None) -> list["Trim"]:
    """Those between two times."""
    return [
        trim
        for trim in trims
        if (since_ns is None or trim.to_ns >= since_ns)
        and (until_ns is None or trim.from_ns < until_ns)
    ]


def sentences(trims: Sequence["Trim"]) -> list[str]:
    """One for the arguments that were cut, one for the rows that were removed."""
    answer = []
    for what, done in (("arguments", "the arguments of {} were cut"), ("rows", "{} were removed")):
        some = [trim for trim in trims if trim.what == what]
        if some:
            events = sum(trim.events for trim in some)
            execs = counted(events, "exec")
            begin = local_time(min(trim.from_ns for trim in some))
            end = local_time(max(trim.to_ns for trim in some))
            answer.append(
                f"{done.format(execs)} from {begin} to {end} because they filled the file: "
                f"{_who(some)}"
            )
    return answer


def _who(trims: Sequence["Trim"]) -> str:
    """`97 % of uid 1000, 3 % of uid 0`."""
    by_uid: dict[int, int] = {}
    for trim in trims:
        by_uid[trim.uid] = by_uid.get(trim.uid, 0) + trim.events
    total = sum(by_uid.values()) or 1
    most = sorted(by_uid.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{100 * events // total} % of uid {uid}" for uid, events in most)


def note(store: "Store", wanted: "Filter", oldest_ns: int | None, gaps: Sequence["Period"]) -> None:
    """A line on stderr for each kind of trim in the time that a filter asks for, or from
    `oldest_ns` on if that is later. Where the oldest rows were pruned, also which user has most of
    the other rows."""
    since_ns = max(filter(None, (wanted.since_ns, oldest_ns)), default=None)
    for sentence in sentences(within(store.trims(), since_ns, wanted.until_ns)):
        say(f"note: {sentence}")
    if any(gap.kind == "pruned" for gap in gaps):
        uid, share = store.fullest()
        if share > _MOST:
            say(f"note: {100 * share:.0f} % of the rows are of uid {uid}")


def describe(trim: "Trim") -> dict[str, Any]:
    """As plain data."""
    times = {"from_time": rfc3339(trim.from_ns), "to_time": rfc3339(trim.to_ns)}
    return {**trim._asdict(), **times}


def fullest(database: "Database") -> dict[str, Any]:
    """For `status`: what was removed of which user, and which users have most of the other rows."""
    from execdb.store.ledger.trimmed import read_trims
    from execdb.store.limits.crowding import shares

    trims = read_trims(database)
    with database.reading() as connection:
        found = shares(connection)
    return {
        "trimmed": [describe(trim) for trim in trims],
        "users": [
            {"uid": uid, "share": round(share, 3)} for uid, share in list(found.items())[:_USERS]
        ],
    }


_USERS = 3
_MOST = 0.5


def status_lines(found: dict[str, Any]) -> list[str]:
    """What `fullest` returns, for people."""
    from execdb.store.ledger.trimmed import Trim

    trims = [Trim(*(each[field] for field in Trim._fields)) for each in found.get("trimmed", ())]
    users = ", ".join(
        f"{100 * each['share']:.0f} % {'' if place else 'of the rows are '}of uid {each['uid']}"
        for place, each in enumerate(found.get("users", ()))
    )
    lines = [f"trimmed    {sentence}" for sentence in sentences(trims)]
    gone = trims or found["pruned"]
    return [*lines, f"users      about {users}"] if gone and users else lines


def of(trims: Sequence["Trim"], period: "Period") -> list[dict[str, Any]]:
    """For `coverage`: what touches a period, as plain data."""
    return [describe(trim) for trim in within(trims, period.from_ns, period.to_ns)]
