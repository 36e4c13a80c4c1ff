"""Marks, changes of the config, and what it left out, as they were shipped: of these hosts. Where
there are several, texts name theirs."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from execdb.store.central.asking.session import Session
from execdb.store.central.text import from_central, to_central
from execdb.store.config.generation import DEFAULT_MESSAGE
from execdb.store.config.log import LogRow
from execdb.store.errors import ExecdbError
from execdb.store.overview.filtered import ROWS_MAX, Filtered
from execdb.store.writing.marks import MARKS_MAX, Mark


def marks(
    session: Session, hosts: Sequence[str], since_ns: int | None, until_ns: int | None
) -> list[Mark]:
    """Those of a time, in its order."""
    values = [_names(hosts), since_ns, since_ns, until_ns, until_ns, MARKS_MAX]
    return [
        Mark(time_ns, uid, with_host(from_central(text), host, hosts))
        for time_ns, uid, text, host in reversed(session.rows(_MARKS, values))
    ]


def changes(session: Session, hosts: Sequence[str], most: int) -> list[LogRow]:
    """The latest ones, the oldest first."""
    found = []
    for host, *row in reversed(session.rows(_CHANGES, [_names(hosts), most])):
        texts: list[Any] = [from_central(each) if isinstance(each, str) else each for each in row]
        change = LogRow(*texts)
        subject = with_host(change.subject, host, hosts)
        found.append(change._replace(subject=subject))
    return found


def filtered(
    session: Session, runs: Sequence[int], span: tuple[int, int], every_ns: int
) -> list[Filtered]:
    """In order of time, one for each interval and cause."""
    values = [[*runs], *span, span[0], every_ns, ROWS_MAX]
    return [
        Filtered(from_central(cause), rule, uid, from_ns, to_ns, int(execs))
        for cause, rule, uid, from_ns, to_ns, execs in session.rows(_FILTERED, values)
    ]


def default_message(session: Session, host: str) -> str:
    """That of a host's config, by what was shipped of its log."""
    rows = session.rows(_DEFAULT, [to_central(host)])
    return from_central(rows[0][0]) if rows and rows[0][0] is not None else DEFAULT_MESSAGE


def time_of_mark(session: Session, text: str) -> int:
    """When the latest mark with this text was made on any host. Raises ExecdbError."""
    rows = session.rows(_MARK, [to_central(text)])
    if rows and rows[0][0] is not None:
        return int(rows[0][0])
    known = [from_central(row[0]) for row in session.rows(_TEXTS)]
    near = get_close_matches(text, known, n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    raise ExecdbError(f"there is no mark {text[:80]!r}{hint}")


def _names(hosts: Sequence[str]) -> list[str]:
    return [to_central(host) for host in hosts]


def with_host(text: str, host: Any, hosts: Sequence[str]) -> str:
    """A text that names its host, if there are several."""
    return f"{text} ({from_central(host)})" if len(hosts) > 1 else text


_MARKS = (
    "SELECT time_ns, uid, text, host FROM execdb.mark WHERE host = ANY(%s::text[])"
    " AND (%s::bigint IS NULL OR time_ns >= %s) AND (%s::bigint IS NULL OR time_ns < %s)"
    " ORDER BY time_ns DESC, id DESC LIMIT %s"
)
_CHANGES = (
    "SELECT host, generation, time_ns, uid, loginuid, tty, action, subject, before, after"
    " FROM execdb.config_change WHERE host = ANY(%s::text[]) ORDER BY time_ns DESC, id DESC"
    " LIMIT %s"
)
_FILTERED = (
    "SELECT cause, rule, uid, min(from_ns), max(to_ns), sum(filtered) FROM execdb.filter"
    " WHERE run_id = ANY(%s::bigint[]) AND to_ns >= %s AND from_ns < %s"
    " GROUP BY (from_ns - %s::bigint) / %s::bigint, cause, rule, uid ORDER BY min(from_ns) LIMIT %s"
)
_DEFAULT = (
    "SELECT after FROM execdb.config_change WHERE host = %s AND subject = 'default'"
    " ORDER BY generation DESC, id DESC LIMIT 1"
)
_MARK = "SELECT max(time_ns) FROM execdb.mark WHERE text = %s"
_TEXTS = "SELECT DISTINCT text FROM execdb.mark LIMIT 10000"
