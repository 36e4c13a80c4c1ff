"""SQL that makes the central store, by way of the migrations in migrations/central.

Tables follow from the keys of an event (layout.py). Each upgrade creates the views, functions and
rights again. Each primary key of a table of runs has run_id, no partition is the default one, and
nothing updates rows of events, so that it could be distributed by run (docs/central.md, Citus).
"""

from collections.abc import Iterator

from execdb.store.central.tables import layout

OWNER, FORWARDER, READER = "execdb_owner", "execdb_forwarder", "execdb_reader"
ROLES = (OWNER, FORWARDER, READER)
SCHEMA = "execdb"
LOCK = 5_206_737_621  # an advisory lock: whoever changes the schema or the partitions
PAST_DAYS, FUTURE_DAYS = 400, 2  # of partitions around today; other times are impossible clocks
PARTITIONED = ("exec", "exec_end")
NOTES = {  # what belongs to a host, not to a run, and its columns in a file
    "mark": ("id", "time_ns", "uid", "text"),
    "config_change": (
        *("id", "generation", "time_ns", "uid", "loginuid", "tty", "action", "subject"),
        *("before", "after"),
    ),
}

_COUNT_MOST = 1 << 53
_SHORT = ("host", "host_group", "boot_id", "kernel", "version", "ended")
_SHORT_MOST = 4_096  # characters
_COUNTS = ("seen", "stored", "filtered", "lost", "pruned", "shipped", "unshipped")
# A view that fails at one row fails for every host: these are the times that fit into time_ns.
_TIME_FITS = "CHECK (time >= '1677-09-22 00:00:00+00' AND time < '2262-04-11 00:00:00+00')"


def _counted(name: str) -> str:
    return f"CHECK ({name} BETWEEN 0 AND {_COUNT_MOST})"


_PLAIN_TABLES = {
    "run": """
    run_id bigint PRIMARY KEY,
    host text NOT NULL,
    host_group text,
    boot_id text NOT NULL,
    local_run_id bigint NOT NULL,
    kernel text,
    version text,
    started_ns bigint,
    ended_ns bigint,
    ended text,
    alive_ns bigint,
    seen bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    lost bigint NOT NULL DEFAULT 0,
    pruned bigint NOT NULL DEFAULT 0,
    shipped_id bigint NOT NULL DEFAULT 0,
    seen_id bigint NOT NULL DEFAULT 0,
    shipped bigint NOT NULL DEFAULT 0,
    unshipped bigint NOT NULL DEFAULT 0,
    shipped_to_ns bigint,
    complete boolean NOT NULL DEFAULT false,
    shipped_at timestamptz NOT NULL DEFAULT now(),
    skew_ns bigint,
    shipper text NOT NULL DEFAULT session_user,
    """
    + ", ".join(map(_counted, _COUNTS))
    + "".join(f", CHECK (char_length({name}) <= {_SHORT_MOST})" for name in _SHORT),
    "loss": f"""
    run_id bigint NOT NULL, number bigint NOT NULL, cause text NOT NULL,
    from_ns bigint NOT NULL, to_ns bigint NOT NULL, lost bigint NOT NULL,
    {_counted("lost")}, PRIMARY KEY (run_id, number)""",
    "filter": f"""
    run_id bigint NOT NULL, number bigint NOT NULL, cause text NOT NULL, rule bigint, uid bigint,
    from_ns bigint NOT NULL, to_ns bigint NOT NULL, filtered bigint NOT NULL,
    {_counted("filtered")}, PRIMARY KEY (run_id, number)""",
    "clock_set": """
    run_id bigint NOT NULL, id bigint NOT NULL, before_ns bigint NOT NULL, after_ns bigint NOT NULL,
    PRIMARY KEY (run_id, id)""",
    "mark": """
    host text NOT NULL, id bigint NOT NULL, time_ns bigint NOT NULL, uid bigint, text text NOT NULL,
    shipper text NOT NULL DEFAULT session_user, PRIMARY KEY (host, id, time_ns)""",
    "config_change": """
    host text NOT NULL, id bigint NOT NULL, generation bigint NOT NULL, time_ns bigint NOT NULL,
    uid bigint, loginuid bigint, tty text, action text NOT NULL, subject text NOT NULL,
    before text, after text,
    shipper text NOT NULL DEFAULT session_user, PRIMARY KEY (host, id, time_ns)""",
}
_INDEXES = (
    "CREATE INDEX run_host ON execdb.run (host, started_ns)",
    "CREATE INDEX exec_parent ON execdb.exec (run_id, parent_id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX exec_open ON execdb.exec (run_id, id) WHERE status IS NULL AND errno IS NULL",
)


def baseline() -> Iterator[str]:
    """The tables, with columns for the keys that an event has today."""
    columns, ends = (
        layout.exec_columns(),
        [*layout.key_columns(), *layout.end_columns(required=True)],
    )
    key = "PRIMARY KEY (run_id, id, time)"
    by_day = "PARTITION BY RANGE (time)"
    yield _table("exec", [*columns, key], by_day)
    yield _table("exec_end", [*ends, key], by_day)
    # Times that no clock of a recorder can have shown, and programs that ran before it (id < 0).
    yield _table("exec_stray", [*columns, _TIME_FITS, "PRIMARY KEY (run_id, id)"])
    yield _table("exec_stray_end", [*ends, _TIME_FITS, "PRIMARY KEY (run_id, id)"])
    for name, members in _PLAIN_TABLES.items():
        yield f"CREATE TABLE execdb.{name} ({members})"
    yield from _INDEXES


def new_columns() -> Iterator[str]:
    """Columns for the keys that the tables lack: what a migration for a new key runs."""
    fields = (*layout.AT_EXEC, *layout.USED, *layout.ORIGIN, *layout.COMMAND)
    for table in ("exec", "exec_stray"):
        for field in fields:
            yield f"ALTER TABLE execdb.{table} ADD COLUMN IF NOT EXISTS {layout.column(field)}"
    for table in ("exec_end", "exec_stray_end"):
        for field in layout.USED:
            yield f"ALTER TABLE execdb.{table} ADD COLUMN IF NOT EXISTS {layout.column(field)}"


def _table(name: str, members: list[str], more: str = "") -> str:
    return f"CREATE TABLE execdb.{name} (\n    {f',{chr(10)}    '.join(members)}\n) {more}"


def roles(*, join: bool = True) -> Iterator[str]:
    """The three roles, and the schema of the owner. Nobody logs in as one of them. With `join`
    whoever runs this becomes a member of the owner, which a superuser is anyway."""
    for role in ROLES:
        yield (
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    if join:
        yield f"GRANT {OWNER} TO CURRENT_USER"
    yield f"CREATE SCHEMA IF NOT EXISTS {SCHEMA} AUTHORIZATION {OWNER}"


EXAMPLE_LOGINS = """\
-- Logins, one for each host that ships, and one for each person or tool that asks:
-- CREATE ROLE web1 LOGIN PASSWORD '...' IN ROLE execdb_forwarder;
-- CREATE ROLE alice LOGIN PASSWORD '...' IN ROLE execdb_reader;
-- The login that runs execdb upgrade --db postgresql://...:
-- CREATE ROLE execdb_admin LOGIN PASSWORD '...' IN ROLE execdb_owner;
"""
