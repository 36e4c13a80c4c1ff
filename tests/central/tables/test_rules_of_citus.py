"""The schema keeps the rules by which Citus could distribute it by run: see docs/central.md."""

from pathlib import Path

import pytest

from tests.central.conftest import Central
from tests.central.shippers import ship
from tests.central.stores import Recorder, some_execs

# Each returns the names of what breaks a rule.
_RULES = {
    "every unique index has the run": """
        SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'run_id'
        WHERE t.relnamespace = 'execdb'::regnamespace AND i.indisunique
            AND a.attnum <> ALL (i.indkey)""",
    "no foreign key": """
        SELECT conname::text FROM pg_constraint
        WHERE connamespace = 'execdb'::regnamespace AND contype = 'f'""",
    "no default partition": """
        SELECT partrelid::regclass::text FROM pg_partitioned_table WHERE partdefid <> 0""",
    "no index but B-trees, as columnar tables have": """
        SELECT c.relname::text FROM pg_class c JOIN pg_am m ON m.oid = c.relam
        WHERE c.relnamespace = 'execdb'::regnamespace AND c.relkind IN ('i', 'I')
            AND m.amname <> 'btree'""",
    "a row of an event is never changed": """
        SELECT table_name || '.' || column_name FROM information_schema.column_privileges
        WHERE grantee = 'execdb_forwarder' AND privilege_type = 'UPDATE'
            AND table_name LIKE 'exec%'""",
}


@pytest.fixture
def with_partitions(central: Central, tmp_path: Path) -> Central:
    path = tmp_path / "host.db"
    Recorder(path).write(some_execs(3))
    ship(path, central.url)
    return central


@pytest.mark.parametrize("rule", _RULES)
def test_the_schema_keeps_it(with_partitions: Central, rule: str) -> None:
    sql = f"SELECT coalesce(string_agg(name, ', '), '') FROM ({_RULES[rule]}) AS broken (name)"
    assert with_partitions.value(sql) == ""
