"""execdb config export and apply: the whole config as a file, there and back."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.commands.config.changed import config_table, whereabouts
from execdb.cli.input.formats import ReportFormat
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.store.errors import ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.store.config.applying import Wanted
    from execdb.store.config.log import Difference

_BYTES_MAX = 16 << 20
EXPORT_EXAMPLES = """
execdb config export > execdb-config.toml
execdb config export
"""
APPLY_EXAMPLES = """
execdb config apply execdb-config.toml --dry-run   # what would change
execdb config apply execdb-config.toml
execdb config apply -                    # from stdin
"""


def export(context: typer.Context) -> None:
    """Write messages, rules and limits as TOML, for `config apply`."""
    from execdb.cli.input.config_file import toml_of

    encode_for(ReportFormat.JSON)  # TOML is UTF-8 as well
    with config_table(context) as table:
        config = table.read()
    emit([toml_of(config)])
    for refused in config.refused:
        say(f"left out, since it cannot be in the kernel: {escape(str(refused))}")


def apply(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(help="As `config export` writes it; - for stdin.", metavar="FILE")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be changed.")
    ] = False,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Make the config equal to a file: messages, rules and limits.

    What the file does not name is removed or set back to what a new database has. Everything is
    one change, one generation; with an error in the file nothing is changed. While a collector
    runs, this waits until the kernel has it, at most 2 seconds.
    """
    from execdb.cli.input.who import who_am_i
    from execdb.store.config import applying
    from execdb.store.config.applying import would_change
    from execdb.store.config.changing import Changer

    wanted = read_wanted(file)
    encode_for(format)
    with config_table(context, create=not dry_run) as table:
        if dry_run:
            found: Sequence[Difference] = would_change(table.database, wanted)
            where = "dry run"
        else:
            change = applying.apply(Changer(table.database, who_am_i()), wanted)
            found = change.differences
            where = whereabouts(context.obj, table, change.generation, file)
    if format is ReportFormat.JSON:
        rows = [{"change": _kind(each), **each._asdict()} for each in found]
        emit([json.dumps({"changes": rows, "done": not dry_run, "where": where}) + "\n"])
    else:
        emit(_lines(found))
        emit([f"{_summary(found)} ({where})\n"])


def read_wanted(file: str) -> "Wanted":
    """Raises UsageError with the line for a file that is no config, ExecdbError if it cannot be
    read."""
    from execdb.cli.input.config_file import wanted_of
    from execdb.store.terms.users import uid_of

    name = "stdin" if file == "-" else file
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_BYTES_MAX + 1)
            if not raw:  # as after `config export` that failed, in a pipe
                raise UsageError("stdin is empty: config export writes a line at least")
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(_BYTES_MAX + 1)
    except OSError as error:
        raise ExecdbError(f"cannot read {name}: {error.strerror}") from error
    if len(raw) > _BYTES_MAX:
        raise UsageError(f"{name} has more than {_BYTES_MAX >> 20} MiB: no config is so long")
    try:
        return wanted_of(raw.decode(), uid_of)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UsageError(f"{name}, line {line}: not UTF-8") from None
    except UsageError as error:
        raise UsageError(f"{name}, {error}") from None


def _kind(each: "Difference") -> str:
    if each.before is None:
        return "added"
    return "removed" if each.after is None else "changed"


def _lines(found: Iterable["Difference"]) -> Iterable[str]:
    for each in found:
        before, after = (f'"{text}"' for text in (each.before, each.after))
        text = {
            "added": f"+ {each.subject}: {after}",
            "removed": f"- {each.subject}: {before}",
            "changed": f"~ {each.subject}: {before} -> {after}",
        }[_kind(each)]
        yield escape(text) + "\n"


def _summary(found: Sequence["Difference"]) -> str:
    kinds = [_kind(each) for each in found]
    counts = [f"{kinds.count(kind)} {kind}" for kind in ("added", "changed", "removed")]
    return ", ".join(counts) if found else "nothing to change"
