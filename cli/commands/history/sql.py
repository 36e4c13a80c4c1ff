"""execdb sql: questions in SQL."""

import csv
import io
import math
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input.formats import SqlFormat
from execdb.cli.input.options.shared import Redact, WideTable, as_recorded
from execdb.cli.input.redaction import own_patterns
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.escape import escape, quote
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for
from execdb.cli.show.cells import cell
from execdb.cli.show.json_lines import array
from execdb.store.errors import UsageError
from execdb.store.json_text import json_of

if TYPE_CHECKING:
    from execdb.store.redaction.own_patterns import OwnPattern

_CHARS_MAX = 4_000  # of a value that is cut: more than any terminal is wide
EXAMPLES = """
execdb sql 'SELECT comm, count(*) FROM execs GROUP BY 1 ORDER BY 2 DESC'
execdb sql "SELECT shell_quote(argv) FROM execs WHERE comm REGEXP '^py'"
execdb sql 'SELECT * FROM runs' --format json
"""


def sql(
    context: typer.Context,
    statement: Annotated[
        str, typer.Argument(help="One statement, such as SELECT ...", metavar="SQL")
    ],
    wide: WideTable = False,
    redact: Redact = False,
    format: Annotated[
        SqlFormat | None,
        typer.Option(
            help="How to show the rows. plain has tabs between values and no header; line has "
            "spaces, and values quoted for a shell.",
            show_default="table on a terminal, else plain",
        ),
    ] = None,
) -> None:
    """Ask the file in SQL, which can only read it.

    The views are execs, seen, images, runs, losses, filters, marks and config_log. Beside SQLite's
    functions there are shell_quote(argv), the command as one line, and TEXT REGEXP 'PATTERN'.
    Nothing is said about gaps: execdb coverage shows them. --redact looks at every text, but may
    not recognise what SQL has taken apart (substr, hex). While rows are read, the file cannot be
    checkpointed.
    """
    from execdb.store.file.database import open_database
    from execdb.store.reading.plain_sql import select

    shown = format or (SqlFormat.TABLE if sys.stdout.isatty() else SqlFormat.PLAIN)
    encode_for(shown)
    with (
        open_database(context.obj) as database,
        select(database, as_recorded(statement)) as (names, rows),
        pager(),
    ):
        if redact:
            rows = _redacted(rows, own_patterns(context))
        if shown is SqlFormat.TABLE:
            emit(_table(names, rows, None if wide else shutil.get_terminal_size().columns))
        elif shown is SqlFormat.CSV:
            emit(_csv(names, rows))
        elif shown is SqlFormat.PLAIN:
            emit("\t".join(map(_text, row)) + "\n" for row in rows)
        elif shown is SqlFormat.LINE:
            emit(" ".join(map(_quoted, row)) + "\n" for row in rows)
        else:
            objects = _objects(names, rows)
            lines = (f"{each}\n" for each in objects)
            emit(array(objects) if shown is SqlFormat.JSON else lines)


def _redacted(
    rows: Iterable[Sequence[Any]], own: "Sequence[OwnPattern]"
) -> Iterator[Sequence[Any]]:
    """Every text, whatever its column is called: SQL may have renamed or joined arguments."""
    from execdb.store.redaction.argv import redact_text

    for row in rows:
        yield [redact_text(value, own) if isinstance(value, str) else value for value in row]


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None) -> Iterator[str]:
    """Columns that hold numbers alone, as far as the first page tells, are aligned to the right."""
    from execdb.cli.table.layout import PAGE, Column, table

    rest = (
        [value[:_CHARS_MAX] if isinstance(value, str) and width else value for value in row]
        for row in rows
    )
    page = list(islice(rest, PAGE))
    columns = []
    for at, name in enumerate(names):
        values = [row[at] for row in page if row[at] is not None]
        numbers = bool(values) and all(isinstance(value, (int, float)) for value in values)
        columns.append(Column(escape(name), text=not numbers, right=numbers))
    texts = ([_text(value) for value in row] for row in chain(page, rest))
    yield from table(columns, texts, width, colour=wants_colour(sys.stdout))


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """As of `csv_rows`: harmless for a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in chain([names], rows):
        writer.writerow([cell(value) if isinstance(value, str) else value for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _objects(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """JSON objects. Raises UsageError if two columns have the same name."""
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two columns are called {name!r}: give one another name with AS")
    for row in rows:
        yield json_of(dict(zip(names, map(_in_json, row), strict=True)))


def _in_json(value: Any) -> Any:
    """JSON knows no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _quoted(value: Any) -> str:
    return quote("" if value is None else str(value))


def _text(value: Any) -> str:
    return "" if value is None else escape(str(value))
