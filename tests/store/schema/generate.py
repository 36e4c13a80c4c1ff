"""What `store/schema/digests.py` and `store/schema/ddl.py` are to hold, written by
`python -m tests.store.schema.generate` after a migration was added or changed."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from execdb import migrations
from execdb.store.schema import ddl, digests
from execdb.store.schema.constants import APPLICATION_ID
from execdb.store.schema.verify import digest, read_schema

_HEAD = '''"""The schema of each revision, as digests of its objects' SQL. From the migrations, by
`python -m tests.store.schema.generate`."""

SCHEMAS = {
'''

_BLANK_HEAD = '''"""A new database, as all migrations together make one. From the migrations, by
`python -m tests.store.schema.generate`."""

STATEMENTS = (
'''


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(migrations.__path__[0])))
    return found


def revisions() -> list[str]:
    """From the first to the newest."""
    walk = ScriptDirectory.from_config(config()).walk_revisions()
    return sorted(script.revision for script in walk)


def migrate(path: Path, revision: str) -> None:
    """Makes a database of that revision, as it stood when it was the newest."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        engine = create_engine("sqlite://", creator=lambda: raw)
        with engine.connect() as connection:
            settings = config()
            settings.attributes["connection"] = connection
            command.upgrade(settings, revision)
            connection.commit()


def schema_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return {f"{one.type} {one.name}": digest(one) for one in read_schema(connection)}


def text() -> str:
    lines = [_HEAD]
    with tempfile.TemporaryDirectory() as folder:
        for revision in revisions():
            path = Path(folder, revision)
            migrate(path, revision)
            lines.append(f'    "{revision}": {{\n')
            lines += [f'        "{key}": "{d}",\n' for key, d in sorted(schema_of(path).items())]
            lines.append("    },\n")
    return "".join(lines) + "}\n"


def blank_text() -> str:
    """The newest schema as SQLite keeps it, then the rows that are there from the beginning."""
    lines = [_BLANK_HEAD]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "newest")
        migrate(path, "head")
        with closing(sqlite3.connect(path)) as raw:
            for (sql,) in raw.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"):
                words = (line.rstrip() for line in sql.expandtabs(4).splitlines())
                statement = "\n".join(filter(None, words))
                wide = "  # noqa: E501" if max(map(len, statement.splitlines())) > 100 else ""
                lines.append(f'    """\n{statement}\n""",{wide}\n')
            tables = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for (name,) in tables:
                for row in raw.execute(f"SELECT * FROM {name}"):
                    values = ", ".join(map(repr, row))
                    lines.append(f'    "INSERT INTO {name} VALUES ({values})",\n')
    lines.append(f'    "PRAGMA application_id = {APPLICATION_ID}",\n')
    return "".join(lines) + ")\n"


if __name__ == "__main__":
    Path(digests.__file__).write_text(text())
    Path(ddl.__file__).write_text(blank_text())
