"""execdb config ignore, record, rules, remove: which execs are recorded."""

import json
import shlex
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.commands.config.changed import config_table, refused_of, report
from execdb.cli.commands.config.group import app
from execdb.cli.commands.config.scope import ConfigCommand
from execdb.cli.input import completion
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import rule_number
from execdb.cli.input.options.filter import terms_of
from execdb.cli.input.options.shared import as_recorded
from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.store.central.url import CentralUrl

if TYPE_CHECKING:
    from execdb.store.config.rule import Rule
    from execdb.store.config.snapshot import Config

Terms = Annotated[
    list[str] | None,
    typer.Argument(
        help="FIELD=VALUE, where FIELD is one of uid, euid, loginuid, comm, filename and cgroup; "
        "commas separate alternatives, and a text may end with *. All terms must hold. Without "
        "terms: every exec.",
        metavar="[TERM...]",
        autocompletion=completion.rule_terms,
        show_default=False,
    ),
]
Note = Annotated[
    str | None, typer.Option(help="Why the rule is there, at most 250 characters.", metavar="TEXT")
]
Before = Annotated[
    int | None,
    typer.Option(
        help="Put it before the rule with this number.",
        show_default="the end",
        parser=rule_number,
        metavar="N",
    ),
]


@app.command(
    cls=ConfigCommand,
    epilog="""
execdb config ignore comm=sed,grep uid=1000
execdb config ignore cgroup=/system.slice/cron.service --note 'noise'
execdb config ignore                     # all that no earlier rule records
""",
)
def ignore(
    context: typer.Context, terms: Terms = None, note: Note = None, before: Before = None
) -> None:
    """Leave execs out: they are counted, not recorded.

    Of all rules, in their order, the first one that matches decides. The kernel asks them before
    it copies anything; an exec that is left out costs next to nothing.
    """
    _add(context, "ignore", terms, note, before)


@app.command(
    cls=ConfigCommand,
    epilog="""
execdb config record uid=0 --before 1
execdb config record filename='/home/*' --note 'never leave these out'
""",
)
def record(
    context: typer.Context, terms: Terms = None, note: Note = None, before: Before = None
) -> None:
    """Record execs that a later rule would leave out.

    Of all rules, in their order, the first one that matches decides; what none matches is
    recorded.
    """
    _add(context, "record", terms, note, before)


@app.command(
    cls=ConfigCommand,
    epilog="""
execdb config remove 3
execdb config rules                      # shows the numbers
""",
)
def remove(
    context: typer.Context,
    number: Annotated[
        int, typer.Argument(help="The number of the rule.", parser=rule_number, metavar="N")
    ],
) -> None:
    """Remove a rule. Its number is not given to another one."""
    from execdb.store.config.rule_table import RuleTable

    with config_table(context) as table:
        generation = RuleTable(table.database, table.who).remove(number)
        report(context.obj, table, generation, f"rule {number}: removed")


@app.command(
    cls=ConfigCommand,
    epilog="""
execdb config rules
execdb config rules --format json
""",
)
def rules(
    context: typer.Context,
    format: Annotated[ReportFormat, typer.Option(help="How to show them.")] = ReportFormat.TEXT,
) -> None:
    """Show the rules in the order in which they are asked, and how many execs each left out."""
    from execdb.store.ledger.filters import filtered_by_rule

    with config_table(context) as table:
        config, filtered = table.read(), filtered_by_rule(table.database)
    here = not isinstance(context.obj, CentralUrl)
    found = [_described(rule, filtered, here=here) for rule in config.rules]
    if format is ReportFormat.JSON:
        print(json.dumps({"rules": found} | refused_of(config)))
        return
    _print(found, config)


def _add(
    context: typer.Context, action: str, terms: list[str] | None, note: str | None,
    before: int | None,
) -> None:  # fmt: skip
    from execdb.store.config.rule import Action, make_rule
    from execdb.store.config.rule_table import RuleTable

    kind, read = Action(action), terms_of(terms or (), time.time_ns())
    make_rule(0, kind, read, as_recorded(note))  # bad input makes no database
    with config_table(context, create=True) as table:
        rule, generation = RuleTable(table.database, table.who).add(
            kind, read, as_recorded(note), before
        )
        report(context.obj, table, generation, f"rule {rule.number}: {text_of(rule)}")
    for path in [] if isinstance(context.obj, CentralUrl) else _missing_cgroups(rule):
        say(f"note: {escape(path)} is not there: the rule holds at most 2 s after it is")


def text_of(rule: "Rule") -> str:
    """As one would type it."""
    return shlex.join((rule.action, *rule.terms))


def _described(rule: "Rule", filtered: "Counter[int]", *, here: bool) -> dict[str, Any]:
    """`here`: it is a rule of this machine."""
    return {
        "number": rule.number,
        "action": str(rule.action),
        "terms": list(rule.terms),
        "note": rule.note,
        "filtered": filtered[rule.number],
        "missing_cgroups": _missing_cgroups(rule) if here else [],
    }


def _missing_cgroups(rule: "Rule") -> list[str]:
    """What the rule asks for and is not on this machine now."""
    from execdb.collector.rules.cgroups import cgroup_folder, ids_of
    from execdb.store.event import text_of as text_of_bytes

    folder = cgroup_folder() if "cgroup" in rule.patterns else None
    return [
        text_of_bytes(pattern.raw) + "*" * pattern.prefix
        for pattern in rule.patterns.get("cgroup", ())
        if not ids_of(pattern, folder)
    ]


def _print(found: list[dict[str, Any]], config: "Config") -> None:
    for rule in found:
        parts = [f"{rule['number']} {shlex.join((rule['action'], *rule['terms']))}"]
        if rule["action"] == "ignore":
            parts.append(f"{rule['filtered']} filtered")
        parts += [f"{path} is not there" for path in rule["missing_cgroups"]]
        parts += [] if rule["note"] is None else [f"# {rule['note']}"]
        print(escape("  ".join(parts)))
    for refused in config.refused:
        print(f"not in the kernel: {escape(str(refused))}")
    if not found and not config.refused:
        print("no rules: every exec is recorded")
