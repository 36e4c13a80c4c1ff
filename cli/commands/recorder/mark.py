"""execdb mark: a note in the history."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.options.shared import as_recorded
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.writing.marks import Mark

EXAMPLES = """
execdb mark 'deploy of 2.1'
execdb mark                              # list the marks
execdb query --since mark:'deploy of 2.1' --failed
"""


def mark(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(
            help="At most 1000 bytes of UTF-8; without it, the marks are listed.", metavar="[TEXT]"
        ),
    ] = None,
    format: Annotated[ReportFormat, typer.Option(help="How to show them.")] = ReportFormat.TEXT,
) -> None:
    """Leave a note at this moment of the history, or list the notes.

    `replay` shows it in its place. `mark:TEXT` is its time for --since and --until; of several
    with the same text, the latest counts. Needs the right to write to the file; the latest 10,000
    marks are kept.
    """
    from execdb.cli.input.who import who_am_i
    from execdb.store.file.database import open_database
    from execdb.store.writing.marks import Mark, add_mark, check_text, read_marks

    if text is None:
        encode_for(format)
        with open_database(context.obj) as database, database.reading() as connection:
            marks = read_marks(connection)
    else:
        new = Mark(time.time_ns(), who_am_i().uid, check_text(as_recorded(text)))
        encode_for(format)
        with open_database(context.obj, create=True) as database:
            add_mark(database, new)
        marks = [new]
    if format is ReportFormat.JSON:
        emit([json.dumps([_as_json(each) for each in marks]) + "\n"])
    else:
        emit(f"{local_time(each.time_ns)} {escape(each.text)}\n" for each in marks)


def _as_json(mark: "Mark") -> dict[str, object]:
    return {"time_ns": mark.time_ns, "time": rfc3339(mark.time_ns), **mark._asdict()}
