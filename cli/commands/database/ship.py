"""execdb ship: copies the history to a central store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input.option_files import asked_by
from execdb.cli.input.redaction import own_patterns
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.store.central.url import CentralUrl, is_central
from execdb.store.errors import ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.store.central.shipping.copying import Redact

EXAMPLES = """
execdb ship --to postgresql://web1@db.example/history
execdb ship --to postgresql://web1@db.example/history --group web --redact
execdb ship --to 'postgresql:///history?service=history' --once
"""
_GROUP_MAX = 64
_SETTLE_MAX_NS = 600 * 10**9
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def ship(
    context: typer.Context,
    to: Annotated[
        str, typer.Option("--to", help="The central store: postgresql://...", metavar="URL")
    ],
    group: Annotated[
        str | None,
        typer.Option(help="The group of this host, such as web.", metavar="NAME"),
    ] = None,
    settle: Annotated[
        str,
        typer.Option(
            help="Ship execs this long after they were recorded: most have ended by then.",
            metavar="TIME",
        ),
    ] = "1s",
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            help="Ship [redacted] for what looks like a secret in arguments: passwords, tokens, "
            "keys.",
        ),
    ] = False,
    config: Annotated[
        bool,
        typer.Option(
            "--config",
            help="Take the messages, rules and limits of this host from the central store.",
        ),
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Ship what there is now, then end.")] = False,
) -> None:
    """Copy the history to a central store, and continue with new events.

    Ends at Ctrl-C or SIGTERM; at a second one it no longer waits for an answer. Each exec arrives
    once, whatever is interrupted; while the store cannot be reached, the file keeps what is not
    shipped yet. The password comes from PGPASSWORD, ~/.pgpass or a service file. The store's schema
    is made by `execdb upgrade`. With --config, it may write to the database: the config there is
    made equal to that of the central store, and nobody else changes it.
    """
    from execdb.cli.session.central.shipping import Shipping, Tally
    from execdb.cli.session.stop import Stop
    from execdb.store.central.shipping.shipper import ShipOptions

    with asked_by("to"):
        url = _central(to)
    with asked_by("group"):
        options = ShipOptions(_group(group), config=config)
    with asked_by("settle"):
        settle_ns = _settle_ns(settle)
    boot_id = _BOOT_ID.read_text().strip()
    shipping = Shipping(context.obj, url, boot_id, settle_ns, _redact(context, redact), options)
    if not config:
        _release(context.obj)
    tally = Tally()
    if once:
        shipping.once(tally)
    else:
        with Stop(None, hasty=True) as stop:
            say(f"shipping {escape(str(context.obj))} to {escape(str(url))}; {Stop.how()}")
            shipping.until(stop, tally)
    done = f"{counted(tally.events, 'exec')} and {counted(tally.ends, 'later end')}"
    print(f"shipped {done} to {escape(str(url))}")


def _release(path: Path) -> None:
    """The config is not taken from the store any more, if it was."""
    from execdb.store.config.managed.following import release
    from execdb.store.config.managed.state import managed
    from execdb.store.file.database import open_database

    with open_database(path) as database:
        with database.reading() as connection:
            found = managed(connection)
        if found is None:
            return
        try:
            release(database)
        except ExecdbError as error:  # whoever only reads may ship
            say(f"note: the config still comes from {found.store}: {error}")
        else:
            say(f"the config is that of {escape(str(path))} itself again, not of {found.store}")


def _central(text: str) -> CentralUrl:
    if not is_central(text):
        raise UsageError("--to is the URL of a central store: postgresql://USER@HOST/DATABASE")
    return CentralUrl(text)


def _settle_ns(text: str) -> int:
    from execdb.store.terms.times import parse_length

    length_ns = 0 if text in ("0", "0s") else parse_length(text)
    if length_ns is None or length_ns > _SETTLE_MAX_NS:
        raise UsageError(f"--settle is a time from 0s to 10m, such as 1s or 200ms: not {text!r}")
    return length_ns


def _group(group: str | None) -> str | None:
    if group is not None and not (0 < len(group) <= _GROUP_MAX and group.isprintable()):
        raise UsageError(f"--group is a name of 1 to {_GROUP_MAX} printable characters")
    return group


def _redact(context: typer.Context, wanted: bool) -> "Redact | None":
    if not wanted:
        return None
    from execdb.store.redaction.argv import Remembering

    return Remembering(own_patterns(context))
