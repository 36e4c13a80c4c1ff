"""execdb config try: what rules would have left out of the history."""

import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.commands.config.document import read_wanted
from execdb.cli.input import completion
from execdb.cli.input.formats import TrialFormat
from execdb.cli.input.numbers import event_count
from execdb.cli.input.options.filter import FilterOptions, filter_of, terms_of, with_marks
from execdb.cli.input.options.shared import Since, Strict, Until
from execdb.cli.output import progress
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.gap_notes import gaps_of
from execdb.cli.show.notes import lacking
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.store.config.rule import Rule
    from execdb.store.overview.trial import Trial
    from execdb.store.reading.selection import Span

_ON_A_TERMINAL = 20  # rows of each table unless asked for more
_TERM = re.compile("[A-Za-z_]\\w*!?~?=", re.ASCII)
EXAMPLES = """
execdb config try comm=sed,grep uid=1000 --since 7d
execdb config export > rules.toml        # to be edited, then
execdb config try rules.toml --since today --limit 5
execdb config try cgroup='/system.slice/*' --format json
execdb config try comm=sed --host web1 --db postgresql://db.example/history
"""


def try_(
    context: typer.Context,
    rules: Annotated[
        list[str],
        typer.Argument(
            help="Terms as in `config ignore`, or a file as `config export` writes it; - for "
            "stdin. A name with = in it needs ./ before it.",
            metavar="TERM...|FILE",
            autocompletion=completion.rule_terms,
            show_default=False,
        ),
    ],
    since: Since = None,
    until: Until = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="With the URL of a central store: the history of this host; * and ? match.",
            metavar="NAME",
            show_default="all hosts",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Show only N programs and N users, those with the most execs; 0 shows all.",
            parser=event_count,
            metavar="N",
            show_default="20 on a terminal, else all",
        ),
    ] = None,
    strict: Strict = False,
    format: Annotated[TrialFormat, typer.Option(help="How to show it.")] = TrialFormat.TABLE,
) -> None:
    """Show what rules would have left out of the history. Nothing is changed.

    Terms are tried as one `ignore` rule, alone: no rule of the config is asked before it. A file
    is tried with all of its rules, in their order; its messages and limits do not matter.
    Bytes are those of recorded arguments. What the rules of that time left out was not recorded
    and is not counted: a note says so.
    """
    from execdb.store.asking.opening import open_store

    if host and not isinstance(context.obj, CentralUrl):
        raise UsageError("--host goes with --db URL: rules are those of one host")
    tried = _rules_of(rules)
    chosen = FilterOptions(since=since, until=until, host=host)
    wanted = filter_of(with_marks(chosen, context.obj))
    encode_for(format)
    if limit is None:
        limit = _ON_A_TERMINAL if sys.stdout.isatty() and format is TrialFormat.TABLE else 0
    with open_store(context.obj) as store:
        gaps = gaps_of(store.coverage(wanted), wanted)
        _show(store.trial(tried, wanted, _watched), tried, limit, format)
        lacking.tell(store, wanted, gaps, None, strict=strict)


def _rules_of(given: Sequence[str]) -> "Sequence[Rule]":
    """Raises UsageError, ExecdbError for a file that cannot be read."""
    from execdb.store.config.rule import Action, make_rule

    if any(map(_TERM.match, given)) or len(given) > 1:
        return [make_rule(1, Action.IGNORE, terms_of(given, time.time_ns()))]
    if given[0] != "-" and not Path(given[0]).exists():
        raise ExecdbError(f"{given[0]!r} is neither a term, as comm=sed, nor a file")
    return read_wanted(given[0]).rules


def _show(trial: "Trial", rules: "Sequence[Rule]", limit: int, format: TrialFormat) -> None:
    from execdb.cli.sums.trial_text import trial_json, trial_tables
    from execdb.cli.table.layout import terminal_width

    if format is TrialFormat.JSON:
        emit([trial_json(trial, rules, limit)])
    else:
        width = terminal_width() if sys.stdout.isatty() else None
        emit(trial_tables(trial, rules, limit, width, colour=wants_colour(sys.stdout)))
    for name, found in (("programs", trial.programs), ("users", trial.users)):
        if limit and limit < len(found):
            say(f"{limit} of {len(found)} {name}; --limit 0 shows all")


def _watched(spans: "Sequence[Span]") -> "Iterator[Span]":
    return progress.shown(spans, "reading", len(spans), every=1, unit="segments")
