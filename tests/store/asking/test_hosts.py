"""Whether a file has events of several hosts, however they came into it."""

import pytest

from execdb.store.asking.hosts import several
from execdb.store.fields import to_dict
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.json_text import json_of
from execdb.store.reading.filter import Filter
from execdb.store.terms.term import Glob, Term
from tests.conftest import MACHINE, an_event, an_exec, recorded


def import_from(database: Database, *hosts: str) -> None:
    for number, host in enumerate(hosts):
        event = an_event(number, host=host, boot_id=f"{number:08}-1111-4111-8111-111111111111")
        import_lines(database, [json_of(to_dict(event))])


@pytest.mark.parametrize(
    ("hosts", "wanted", "expected"),
    [
        ((), (), False),
        (("web1",), (), False),
        (("web1", "web1"), (), False),
        (("web1", "web2"), (), True),
        (("web1", "web2"), ("web1",), False),
        (("web1", "web2", "db1"), (Glob("web*"),), True),
    ],
)
def test_imports_of_several_hosts(
    database: Database, hosts: tuple[str, ...], wanted: tuple[str | Glob, ...], expected: bool
) -> None:
    import_from(database, *hosts)
    terms = (Term("host", wanted),) if wanted else ()
    assert several(database, Filter(terms)) is expected


def test_an_import_beside_a_recording(database: Database) -> None:
    recorded(database, [an_exec(7)])
    import_from(database, MACHINE.host)
    assert not several(database, Filter())
    import_from(database, "web1")
    assert several(database, Filter())
