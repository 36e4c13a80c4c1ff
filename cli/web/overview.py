"""The first page: the time line, which values there are, and the list of events."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.show.gap_notes import gaps_of
from execdb.cli.show.notes import trim_notes
from execdb.cli.web.rows import command_for, next_address
from execdb.cli.web.shapes import flags, lanes, timeline
from execdb.cli.web.shapes.choices import choices
from execdb.cli.web.site import Site, is_here, rows_for
from execdb.cli.web.view import View
from execdb.store.asking.browsed import Browsed
from execdb.store.browsing.pages import Moment
from execdb.store.browsing.survey import Survey
from execdb.store.ledger.coverage import Coverage
from execdb.store.reading.filter import Filter
from execdb.store.times import local_time, zone_name

PAGE = 50  # events
# How long a request searches; then it says how far it has come.
_SURVEY_S = 0.1  # to count; terms about arguments may stay uncounted further back
_LIST_S = 0.06  # for the list of the first page
_MORE_S = 0.15  # for more of the list


def overview(site: Site, view: View) -> dict[str, Any]:
    """What the template shows. Raises UsageError for terms that make no sense, DatabaseError and
    CentralError."""
    wanted, browsed = site.wanted(view), site.now()
    known = browsed.coverage(wanted)
    extent = browsed.extent(wanted)
    span = span_of(extent, wanted, known)
    shown: dict[str, Any] = {"span": span, "states": _states(site, known, extent), "flags": ()}
    if span is not None and span[0] < span[1]:
        shown |= _over_time(browsed, view, wanted, known, span)
    return {
        **shown,
        **_listed(site, browsed, view, wanted, _LIST_S),
        "command": command_for(view.words, site.given),
        "order": replace(view.from_start(), oldest_first=not view.oldest_first).address("/"),
        "zone": zone_name(),
        "redact_address": replace(view, redact=not view.redact).address("/"),
        "live": any(each.runs for each in known) and wanted.until_ns is None,
    }


def _late_after(limit_s: float) -> Callable[[], bool]:
    deadline_s = time.monotonic() + limit_s
    return lambda: time.monotonic() > deadline_s


def _listed(
    site: Site, browsed: Browsed, view: View, wanted: Filter, limit_s: float
) -> dict[str, Any]:
    """A page of the list, the moment behind which the next one begins, and, if this is only how far
    the search has come, that time."""
    page = browsed.page(
        wanted,
        PAGE,
        newest_first=not view.oldest_first,
        after=view.after,
        late=_late_after(limit_s),
    )
    made = rows_for(browsed, wanted)
    rows = list(made.of(site.shown(view, page.events), view))
    following = page.following
    searched = local_time(following.time_ns) if page.partial and following else None
    return {"rows": rows, "hosts": made.hosts, "next": following, "searched": searched}


def span_of(
    extent: tuple[int, int] | None, wanted: Filter, known: Sequence[Coverage]
) -> tuple[int, int] | None:
    """The time that is asked for, as far as it is not the future; None: nothing was recorded. From
    the first of the events there are up to the last one, and what else was recorded."""
    begins = [extent[0]] if extent else []
    ends = [extent[1] + 1] if extent else []
    begins += [each.begin_ns for each in known if each.runs]
    ends += [each.end_ns for each in known if each.runs]
    if not begins:
        return None
    now_ns = max(each.now_ns for each in known)
    until_ns = wanted.until_ns
    if until_ns is None:
        until_ns = max(ends) if wanted.since_ns is None else now_ns
    since_ns = min(begins) if wanted.since_ns is None else wanted.since_ns
    return since_ns, min(until_ns, max(now_ns, *ends))


def _over_time(
    browsed: Browsed,
    view: View,
    wanted: Filter,
    known: Sequence[Coverage],
    span: tuple[int, int],
) -> dict[str, Any]:
    inside = replace(wanted, since_ns=span[0], until_ns=span[1])
    late = _late_after(_SURVEY_S)
    found, values = browsed.survey(inside, timeline.edges_of(*span), late=late)
    gaps = gaps_of(known, inside)
    filtered = browsed.filtered(wanted, *span)
    drawn = timeline.lay_out(
        found,
        gaps,
        filtered,
        lambda since, until: view.within(since, until).address("/"),
        hatched=len(known) == 1,
    )
    trims = trim_notes.sentences(
        [trim for each in known for trim in trim_notes.within(each.trims, *span)]
    )
    here = is_here(browsed, wanted)
    return {
        "timeline": drawn,
        "hosts_missing": lanes.lay_out(known, inside, span, view),
        "counted": found,
        "notes": [escape(each) for each in (*trims, *_how_counted(found))],
        "flags": flags.lay_out(browsed.happenings(wanted, *span), *span),
        "choices": choices(values, view, exact=found.exact, here=here),
        "moves": _moves(view, span),
    }


def _how_counted(found: Survey) -> list[str]:
    notes = []
    if not found.exact:
        what = "which values there are"
        if not found.failed_exact:
            what = f"failures, and {what}" if found.execs_exact else f"the numbers, and {what}"
        notes.append(
            f"{what}, are estimated from {found.read:,} of {found.rows:,} rows: choose a "
            "shorter time to count all"
        )
    if found.since_ns is not None:
        notes.append(
            "only the latest of this time was searched for these terms to count them; the list "
            "has all of it: choose a shorter time"
        )
    return notes


def _moves(view: View, span: tuple[int, int]) -> Mapping[str, str]:
    """Addresses of other times."""
    since_ns, until_ns = span
    length = until_ns - since_ns
    quarter = max(1, length // 4)
    return {
        "earlier": view.within(since_ns - length, since_ns).address("/"),
        "later": view.within(until_ns, until_ns + length).address("/"),
        "zoom in": view.within(
            since_ns + quarter, max(until_ns - quarter, since_ns + quarter + 1)
        ).address("/"),
        "zoom out": view.within(since_ns - length // 2 - 1, until_ns + length // 2 + 1).address(
            "/"
        ),
        "all times": view.always().address("/"),
    }


def _states(site: Site, known: Sequence[Coverage], extent: tuple[int, int] | None) -> list[str]:
    """What there is to say of the store itself."""
    if not site.store.local:
        return [_shipped(len(known), extent)]
    pid = site.store.collector()
    if all(each.empty for each in known):
        said = ["nothing has been recorded to this file yet: execdb collect records"]
        return said if pid is None else [f"collector {pid} is running, nothing was stored yet"]
    if pid is not None:
        return [f"recording (collector {pid})"]
    return ["no collector is running: nothing new comes"]


def _shipped(hosts: int, extent: tuple[int, int] | None) -> str:
    """Of a central store."""
    if not hosts:
        return "no such host has shipped anything to this store"
    if extent is None:
        return f"{counted(hosts, 'host')}, and no exec was shipped yet"
    return f"the latest exec that {counted(hosts, 'host')} shipped is of {local_time(extent[1])}"


def next_page(site: Site, view: View) -> dict[str, Any]:
    """More rows for the list."""
    return _listed(site, site.now(), view, site.wanted(view), _MORE_S)


def link(path: str, view: View, moment: Moment) -> str:
    """For the template."""
    return next_address(path, view, moment)
