"""Values of a wrong kind in every column."""

import json
from pathlib import Path

import pytest

from execdb.store.fields import to_dict
from tests.cli.conftest import Run
from tests.cli.hostile.forged import (
    CONFIG,
    MORE,
    PRUNING,
    READING,
    VALUES,
    assert_answers,
    columns,
    forge,
)
from tests.conftest import an_event
from tests.running.thorough import first


@pytest.mark.parametrize("kind", first(1, VALUES))
def test_a_value_that_should_not_be_there(
    own_database: Path, sound: bytes, run: Run, kind: str, tmp_path: Path
) -> None:
    """Questions answer. An import, and a removal, is done as a whole or not at all."""
    lines = tmp_path / "lines"
    lines.write_text("".join(json.dumps(to_dict(an_event(n))) + "\n" for n in range(7)))
    how, value = VALUES[kind]
    own_database.write_bytes(sound)
    for table, column in list(columns(own_database)):
        own_database.write_bytes(sound)
        if forge(own_database, table, column, value, how):
            forged = own_database.read_bytes()
            reading = CONFIG if table.startswith("config") else READING
            for commands in (reading, [("import", str(lines))], PRUNING):
                own_database.write_bytes(forged)
                assert_answers(run, commands, (table, column))


@pytest.mark.parametrize("kind", ["text", "a fraction"])
@pytest.mark.parametrize("column", ["uid", "message", "tty"])
def test_no_form_of_output_takes_it_for_what_it_is_not(
    own_database: Path, sound: bytes, run: Run, kind: str, column: str
) -> None:
    own_database.write_bytes(sound)
    assert forge(own_database, "origin", column, VALUES[kind][1])
    assert_answers(run, MORE, column)
