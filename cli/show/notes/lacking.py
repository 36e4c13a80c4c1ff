"""What an answer lacks: each command that shows recorded execs ends with `tell`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from execdb.cli.show.gap_notes import report
from execdb.cli.show.notes import filter_notes, replay_notes, trim_notes

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Period
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History


def tell(
    history: "History",
    wanted: "Filter",
    gaps: Sequence["Period"],
    oldest_ns: int | None,
    *,
    strict: bool,
) -> None:
    """Lines on stderr about the time that a filter asks for, or from `oldest_ns` on if that is
    later: what live replays started, what was removed from the file or left out on purpose, and
    the gaps. Raises DatabaseError, typer.Exit with 3 if there are gaps and `strict`."""
    replay_notes.note(history.database, wanted)
    trim_notes.note(history.database, wanted, oldest_ns, gaps)
    filter_notes.note(history.database, wanted, oldest_ns)
    report(gaps, strict=strict, incomplete=history.incomplete)
