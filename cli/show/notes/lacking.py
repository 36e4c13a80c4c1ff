"""What an answer lacks: each command that shows recorded execs ends with `tell`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from execdb.cli.show.gap_notes import report
from execdb.cli.show.notes import filter_notes, replay_notes, trim_notes

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.ledger.coverage import Period
    from execdb.store.reading.filter import Filter


def tell(
    store: "Store",
    wanted: "Filter",
    gaps: Sequence["Period"],
    oldest_ns: int | None,
    *,
    strict: bool,
) -> None:
    """Lines on stderr about the time that a filter asks for, or from `oldest_ns` on if that is
    later: what live replays started, what was removed from the store or left out on purpose, and
    the gaps. Raises DatabaseError, CentralError; typer.Exit with 3 if there are gaps and
    `strict`."""
    replay_notes.note(store, wanted)
    trim_notes.note(store, wanted, oldest_ns, gaps)
    filter_notes.note(store, wanted, oldest_ns)
    report(gaps, strict=strict, incomplete=store.incomplete)
