"""Which lines of a file are of one database."""

from execdb.store.event import Event
from execdb.store.importing.ndjson import Parser
from execdb.store.importing.sources import Sources
from tests.conftest import an_event
from tests.store.importing.exports import lines_of


def test_lines_whose_ids_begin_anew_are_of_another_database() -> None:
    """Chunk by chunk, as an import reads them."""
    parser, sources = Parser(), Sources()

    def numbers(events: list[Event]) -> list[int]:
        items = [parser.parse(line) for line in lines_of(events)]
        return [line[-1] for line in sources.numbered(items, 0)]

    assert numbers([an_event(n, id=100 + n) for n in range(7)]) == [1] * 7
    assert numbers([an_event(n, id=100 + n) for n in range(7, 13)]) == [1] * 6
    assert numbers([an_event(n, id=1 + n) for n in range(13, 20)]) == [2] * 7
