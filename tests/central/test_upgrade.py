"""execdb upgrade --db URL: the schema of the central store, its roles and rights."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from execdb.store.central.connection import REVISION
from execdb.store.central.tables import ddl, layout, views
from execdb.store.fields import FIELDS
from tests.central.conftest import Central
from tests.central.server import PASSWORD, Server
from tests.conftest import Answer

Run = Callable[..., Answer]
VERSIONS = Path(__file__).parents[2] / "migrations/central/versions"


def test_it_makes_the_schema_once(empty: Central, run: Run) -> None:
    shown = empty.admin.replace(PASSWORD, "***")
    assert run("upgrade", "--db", empty.admin) == (
        0, f"{shown} is up to date (revision {REVISION}, new)\n", "",
    )  # fmt: skip
    again = run("upgrade", "--db", empty.admin)
    assert again.out == f"{shown} is up to date (revision {REVISION}, as before)\n"
    owners = empty.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'execdb'")
    assert owners == [("execdb_owner",)]


def test_it_does_not_wait_for_a_lock_without_limit(
    central: Central, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = b"SET LOCAL lock_timeout = '300ms'"
    monkeypatch.setattr("execdb.store.central.tables.upgrade._LOCK_TIMEOUT", soon)
    with psycopg.connect(central.admin) as holder:
        holder.execute("LOCK execdb.exec")
        answer = run("upgrade", "--db", central.admin)
    assert (answer.code, answer.out) == (1, "")
    assert "another session keeps locked what this needs" in answer.err


def test_the_revision_is_that_of_the_newest_migration() -> None:
    assert max(path.name[:4] for path in VERSIONS.glob("0*.py")) == REVISION


@pytest.mark.parametrize("view", ["execs", "seen"])
def test_a_view_has_the_names_of_an_event(central: Central, view: str) -> None:
    with psycopg.connect(central.reader) as connection:
        cursor = connection.execute(f"SELECT * FROM execdb.{view}".encode())
        assert [column.name for column in cursor.description or ()] == [f.name for f in FIELDS]


def test_every_key_has_a_column(central: Central) -> None:
    for table in ("exec", "exec_stray"):
        sql = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'execdb' AND table_name = %s ORDER BY ordinal_position"
        )
        assert tuple(name for (name,) in central.rows(sql, table)) == layout.COLUMNS


def test_a_key_that_is_new_gets_its_column(central: Central) -> None:
    central.rows("ALTER TABLE execdb.exec DROP COLUMN container CASCADE")
    for statement in ddl.new_columns():
        central.rows(statement)
    for statement in views.views():
        central.rows(statement)
    assert central.rows("SELECT container FROM execdb.execs") == []


def test_the_roles_can_be_made_by_somebody_else(empty: Central, run: Run) -> None:
    printed = run("upgrade", "--print-roles").out
    empty.rows(printed)
    empty.rows(
        f"DO $$ BEGIN CREATE ROLE migrator LOGIN PASSWORD '{PASSWORD}' IN ROLE execdb_owner;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    code, out, err = run("upgrade", "--db", empty.server.url(empty.name, "migrator"))
    assert (code, err) == (0, "")
    assert out.endswith("new)\n")


def test_a_login_that_may_not_make_roles_is_told_what_to_do(empty: Central, run: Run) -> None:
    code, out, err = run("upgrade", "--db", empty.server.url(empty.name, "web1"))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "--print-roles" in err
    assert PASSWORD not in err


def test_a_newer_schema_is_left_alone(central: Central, run: Run) -> None:
    central.rows("UPDATE execdb.alembic_version SET version_num = '9999'")
    code, _, err = run("upgrade", "--db", central.admin)
    assert (code, err.count("\n")) == (1, 1)
    assert "newer execdb (revision 9999" in err


def test_a_database_that_is_not_utf8_is_refused(server: Server, run: Run) -> None:
    with server.connect() as connection:
        connection.execute(b"CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    code, _, err = run("upgrade", "--db", server.url("latin"))
    assert (code, err.count("\n")) == (1, 1)
    assert "needs a database in UTF8" in err


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE execdb.exec SET uid = 0",
        "DELETE FROM execdb.exec",
        "SELECT argv FROM execdb.exec",
        "SELECT argv FROM execdb.exec_stray",
        "SELECT * FROM execdb.execs",
        "SELECT text FROM execdb.mark",
        "TRUNCATE execdb.exec",
        "DROP TABLE execdb.exec",
        "UPDATE execdb.run SET host = 'other'",
        "DELETE FROM execdb.run",
        "INSERT INTO execdb.run (run_id, host, boot_id, local_run_id, shipper)"
        " VALUES (1, 'h', 'b', 1, 'other')",
        "CREATE TABLE execdb.mine (x int)",
        "UPDATE execdb.run_day SET uids = NULL",
        "INSERT INTO execdb.run_day VALUES (1, now(), 1, 1)",
    ],
)
def test_a_forwarder_may_not(central: Central, sql: str) -> None:
    with (
        psycopg.connect(central.url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(sql.encode())


def test_a_forwarder_cannot_change_the_run_of_another_login(central: Central) -> None:
    central.rows(
        "INSERT INTO execdb.run (run_id, host, boot_id, local_run_id) VALUES (7,'h','b',1)"
    )
    with psycopg.connect(central.url) as connection:
        assert connection.execute(b"UPDATE execdb.run SET lost = 1").rowcount == 0


def test_partitions_are_made_for_days_around_today(central: Central) -> None:
    days = "ARRAY[current_date, current_date - 399, current_date - 500, current_date + 9]"
    with psycopg.connect(central.url) as connection:
        made = connection.execute(f"SELECT execdb.make_partitions({days})".encode()).fetchall()
    assert len(made) == 2
    names = central.rows("SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1")
    assert sum("exec_end_" in name for (name,) in names) >= 2


@pytest.mark.parametrize("command", [["sql", "SELECT 1"], ["collect"], ["mark", "x"]])
def test_a_command_that_works_on_files_refuses_a_url(run: Run, command: list[str]) -> None:
    url = "postgresql://user:hidden-word@db.example/execdb"
    code, out, err = run(*command, "--db", url)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "hidden-word" not in err


def test_a_store_of_the_first_revision_is_brought_up_to_date(central: Central, run: Run) -> None:
    central.rows("DROP TABLE execdb.dropped, execdb.config, execdb.config_edit, execdb.host_config")
    central.rows("DROP SEQUENCE execdb.config_generation")
    central.rows("DROP INDEX execdb.exec_replay, execdb.exec_uid, execdb.exec_comm")
    central.rows("DROP TABLE execdb.replayed, execdb.run_day")
    central.rows("UPDATE execdb.alembic_version SET version_num = '0001'")
    central.rows("INSERT INTO execdb.run (run_id, host, boot_id, local_run_id)"
                 " VALUES (1, 'web1', 'b', 1)")  # fmt: skip
    assert run("upgrade", "--db", central.admin).out.endswith("0001 before)\n")
    assert central.rows("SELECT host FROM execdb.runs") == [("web1",)]
    assert central.rows("SELECT * FROM execdb.dropped, execdb.config") == []


def test_who_changed_the_config_before_is_still_told(central: Central, run: Run) -> None:
    central.rows("ALTER TABLE execdb.config_edit DROP COLUMN address, DROP COLUMN application")
    central.rows("UPDATE execdb.alembic_version SET version_num = '0004'")
    central.rows("INSERT INTO execdb.config_edit (generation, scope, name, action, subject, after)"
                 " VALUES (1, 'all', '', 'added', 'uid 0', 'Hey root!')")  # fmt: skip
    assert run("upgrade", "--db", central.admin).out.endswith("0004 before)\n")
    out = run("config", "log", "--db", central.reader).out
    assert out.endswith(' login boss: added uid 0 for all hosts: none -> "Hey root!"\n')
