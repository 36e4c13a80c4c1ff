"""Makes this process a program of a made-up next revision, to test upgrades with. As a script it is
the command `execdb` of that revision."""

import os
import re
from pathlib import Path

import pytest

from execdb.migrations import versions
from execdb.store.schema import definition

NOW, NEXT = definition.REVISION, "9999"
NOTE = "CREATE TABLE note (id INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL)"
RUNS = "CREATE VIEW runs AS SELECT id AS run_id, host FROM run"


def next_schema() -> str:
    """The schema that `next_versions` makes of ours."""
    text = definition.SCHEMA_FILE.read_text()
    text, tables = re.subn(r"(CREATE TABLE config \([^;]*?)\s*\);", r"\1, note_id INTEGER );", text)
    text, views = re.subn("CREATE VIEW runs [^;]*", RUNS, text)
    assert (tables, views) == (1, 1)
    return f"{text}\n{NOTE};\n"


def become_next(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Until the patch is undone. The schema is written into the folder."""
    file = folder / "next.sql"
    file.write_text(next_schema())
    patch.setattr(definition, "SCHEMA_FILE", file)
    patch.setattr(definition, "REVISION", NEXT)
    more = Path(__file__).with_name("next_versions")
    patch.setattr(versions, "__path__", [*versions.__path__, str(more)])


if __name__ == "__main__":
    from execdb.cli.main import main

    # The folder of the database, as the command ends without removing one of its own.
    become_next(pytest.MonkeyPatch(), Path(os.environ["EXECDB_DB"]).parent)
    main()
