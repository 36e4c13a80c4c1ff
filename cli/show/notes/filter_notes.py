"""What rules and limits have left out, in sentences."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.output.streams import say
from execdb.cli.show.gap_notes import execs_of, were
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.ledger.filters import LeftOut
    from execdb.store.reading.filter import Filter

_NAMED = 5


def note(store: "Store", wanted: "Filter", oldest_ns: int | None) -> None:
    """A line on stderr if something was left out on purpose in the time that a filter asks for, or
    from `oldest_ns` on if that is later. It is no gap: nothing that should be there is missing."""
    since_ns = max(filter(None, (wanted.since_ns, oldest_ns)), default=None)
    found = store.filters(wanted, since_ns)
    if found:
        say(sentence(found))


def sentence(found: Sequence["LeftOut"]) -> str:
    """About one or more of them."""
    execs = sum(each.filtered for each in found)
    begin = local_time(min(each.from_ns for each in found))
    end = local_time(max(each.to_ns for each in found))
    by = causes(Counter({name_of(each): 0 for each in found}))
    return f"note: {execs_of(execs)} {were(execs)} left out on purpose from {begin} to {end} ({by})"


def name_of(each: "LeftOut") -> str:
    """`rule 3`, `limit of uid 33`."""
    if each.rule is not None:
        return f"rule {each.rule}"
    return "limits" if each.uid is None else f"limit of uid {each.uid}"


def causes(by_name: "Counter[str]") -> str:
    """`20 rule 1, 3 limits`; without the numbers if they are 0."""
    shown = [f"{count} {name}" if count else name for name, count in by_name.most_common(_NAMED)]
    more = [f"{len(by_name) - _NAMED} more"] if len(by_name) > _NAMED else []
    return ", ".join([*shown, *more])


def totals(found: Iterable["LeftOut"]) -> list[dict[str, Any]]:
    """For `status`: by rule and by user, most first."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in found:
        key = each.cause, each.rule, each.uid
        first = {"cause": each.cause, "rule": each.rule, "uid": each.uid, "filtered": 0}
        times = {"from_ns": each.from_ns, "to_ns": each.to_ns}
        known = sums.setdefault(key, {"name": name_of(each), **first, **times})
        known["filtered"] += each.filtered
        known["from_ns"] = min(known["from_ns"], each.from_ns)
        known["to_ns"] = max(known["to_ns"], each.to_ns)
    return sorted(sums.values(), key=lambda each: -each["filtered"])


def status_lines(found: list[dict[str, Any]]) -> list[str]:
    """What `totals` returns, for people."""
    lines = [
        f"filtered   {each['filtered']}: {each['name']}, {rfc3339(each['from_ns'])} to "
        f"{rfc3339(each['to_ns'])}"
        for each in found[:_NAMED]
    ]
    more = f"filtered   by {len(found) - _NAMED} more: execdb status --format json"
    return [*lines, more][: len(found)]
