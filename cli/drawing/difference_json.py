"""How two histories differ, as JSON."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from execdb.cli.show.json_lines import objects
from execdb.store.comparison.comparison import Difference, Totals
from execdb.store.event import Event
from execdb.store.json_text import json_of


def difference_json(
    found: Iterable[Difference], totals: Totals, missing: Mapping[str, str]
) -> Iterator[str]:
    """One object, written as the differences come: `differences`, each with `kind`, `a`, `b`,
    `below`, `failed` and `fields`; then the `totals`, `differ`, and `not_compared`."""
    yield '{"differences": ['
    start = "\n"
    for each in found:
        fields = {name: list(values) for name, values in each.fields.items()}
        rest = json_of({"below": each.below, "failed": each.failed, "fields": fields})[1:]
        events = f'"a": {_event(each.a)}, "b": {_event(each.b)}'
        yield f'{start}{{"kind": "{each.kind}", {events}, {rest}'
        start = ",\n"
    sums = {"totals": asdict(totals), "differ": totals.differ, "not_compared": dict(missing)}
    yield f"\n], {json_of(sums)[1:]}\n"


def _event(event: Event | None) -> str:
    return "null" if event is None else next(iter(objects([event])))
