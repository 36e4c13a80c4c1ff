"""Which hosts a filter asks for."""

from collections.abc import Sequence

from execdb.store.file.database import Database
from execdb.store.file.text import readable
from execdb.store.ledger.coverage import Coverage
from execdb.store.reading.filter import Filter


def of_hosts(found: Sequence[Coverage], wanted: Filter) -> Sequence[Coverage]:
    """Of what a file covers: that of the hosts that may be wanted. A file of one host is always
    asked."""
    if len(found) == 1:
        return found
    from execdb.store.terms.match import matcher

    holds = matcher([term for term in wanted.terms if term.field == "host"])
    return [each for each in found if any(holds({"host": name}) for name in each.names)]


def is_merged(database: Database) -> bool:
    """Whether files of other machines were merged into this one. Raises DatabaseError."""
    with database.reading() as connection:
        return connection.execute(_MERGED).fetchone() is not None


def several(database: Database, wanted: Filter) -> bool:
    """Whether events of several hosts may be wanted: of this machine, whatever it was called, and
    of others, whose files were merged or whose events were imported. Raises DatabaseError."""
    with database.reading() as connection:
        if connection.execute(_FROM_ELSEWHERE).fetchone() is None:
            return False
        runs = connection.execute(_HOSTS).fetchall()
    from execdb.store.terms.match import matcher

    holds = matcher([term for term in wanted.terms if term.field == "host"])
    found = {(kind, str(readable(host))) for kind, host in runs}
    own = {host for kind, host in found if kind == "collect"}
    others = {host for _, host in found} - own
    return (
        any(holds({"host": host}) for host in own) + sum(holds({"host": host}) for host in others)
        > 1
    )


_FROM_ELSEWHERE = "SELECT 1 FROM run WHERE kind <> 'collect' LIMIT 1"
_HOSTS = "SELECT DISTINCT kind, host FROM run"
_MERGED = "SELECT 1 FROM run WHERE kind = 'merge' LIMIT 1"
