"""The views, functions and rights of the central store: created again by each upgrade."""

from collections.abc import Iterator

from execdb.store.central.tables import layout
from execdb.store.central.tables.ddl import (
    FORWARDER,
    FUTURE_DAYS,
    LOCK,
    NOTES,
    PARTITIONED,
    PAST_DAYS,
    READER,
)

IDENTITY = ("run_id", "host", "boot_id", "local_run_id")
# What a forwarder writes of its run after each batch, and may change later.
LEDGER = (
    *("host_group", "kernel", "version", "started_ns", "ended_ns", "ended", "alive_ns"),
    *("seen", "stored", "filtered", "lost", "pruned", "shipped_id", "seen_id", "shipped"),
    *("unshipped", "shipped_to_ns", "complete", "skew_ns"),
)


def views() -> Iterator[str]:
    """With the names of a file's views, and columns more."""
    for name in ("execs", "seen", "runs", "losses", "filters", "marks", "config_log"):
        yield f"DROP VIEW IF EXISTS execdb.{name}"
    columns = ",\n       ".join(layout.view_columns())
    regular = _events(columns, "exec", "exec_end", "AND d.time = e.time")
    stray = _events(columns, "exec_stray", "exec_stray_end")
    yield f"CREATE VIEW execdb.execs AS {regular}\nUNION ALL {stray} WHERE e.id > 0"
    yield f"CREATE VIEW execdb.seen AS {stray} WHERE e.id < 0"
    yield (
        "CREATE VIEW execdb.runs AS SELECT run_id, host, boot_id, started_ns, ended_ns, ended,"
        " seen, stored, filtered, lost, kernel, version, pruned, alive_ns, host_group,"
        " local_run_id, shipped, unshipped, shipped_to_ns, complete, shipped_at, skew_ns, shipper"
        " FROM execdb.run"
    )
    yield (
        "CREATE VIEW execdb.losses AS SELECT l.run_id, r.host, r.boot_id, l.cause, l.from_ns,"
        f" {_time('l.from_ns')} AS from_time, l.to_ns, {_time('l.to_ns')} AS to_time, l.lost"
        " FROM execdb.loss l JOIN execdb.run r USING (run_id)"
    )
    yield (
        "CREATE VIEW execdb.filters AS SELECT f.run_id, r.host, r.boot_id, f.cause, f.rule, f.uid,"
        f" f.from_ns, {_time('f.from_ns')} AS from_time, f.to_ns, {_time('f.to_ns')} AS to_time,"
        " f.filtered FROM execdb.filter f JOIN execdb.run r USING (run_id)"
    )
    yield (
        f"CREATE VIEW execdb.marks AS SELECT time_ns, {_time('time_ns')} AS time, uid, text, host,"
        " shipper FROM execdb.mark"
    )
    yield (
        f"CREATE VIEW execdb.config_log AS SELECT generation, time_ns, {_time('time_ns')} AS time,"
        " uid, loginuid, tty, action, subject, before, after, host, shipper"
        " FROM execdb.config_change"
    )


def _events(columns: str, rows: str, ends: str, also: str = "") -> str:
    return (
        f"SELECT {columns}\nFROM execdb.{rows} e JOIN execdb.run r ON r.run_id = e.run_id"
        f" LEFT JOIN execdb.{ends} d ON d.run_id = e.run_id AND d.id = e.id {also}"
    )


def _time(column: str) -> str:
    """SQL: nanoseconds as RFC 3339."""
    second = f"to_timestamp(({column} / 1000000000)::double precision) AT TIME ZONE 'UTC'"
    return (
        f"""to_char({second}, 'YYYY-MM-DD"T"HH24:MI:SS.')"""
        f" || lpad(({column} % 1000000000)::text, 9, '0') || 'Z'"
    )


def functions() -> Iterator[str]:
    """`make_partitions(days)` makes what is missing for these days, and returns those of them that
    have a partition: days far from today get none. Each is made beside the table and then attached,
    so that nobody who reads or writes has to wait."""
    tables = ", ".join(f"'{table}'" for table in PARTITIONED)
    yield f"""
CREATE OR REPLACE FUNCTION execdb.make_partitions(days date[]) RETURNS SETOF date
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    wanted date;
    base text;
    name text;
BEGIN
    IF cardinality(days) > 1000 THEN
        RAISE EXCEPTION 'too many days at once';
    END IF;
    PERFORM pg_advisory_xact_lock({LOCK});
    FOREACH wanted IN ARRAY days LOOP
        CONTINUE WHEN wanted < today - {PAST_DAYS} OR wanted > today + {FUTURE_DAYS};
        FOREACH base IN ARRAY ARRAY[{tables}] LOOP
            name := base || '_' || to_char(wanted, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(format('execdb.%I', name)) IS NOT NULL;
            EXECUTE format('CREATE TABLE execdb.%I (LIKE execdb.%I INCLUDING DEFAULTS'
                ' INCLUDING CONSTRAINTS INCLUDING INDEXES)', name, base);
            EXECUTE format('ALTER TABLE execdb.%I ATTACH PARTITION execdb.%I'
                ' FOR VALUES FROM (%L) TO (%L)', base, name,
                to_char(wanted, 'YYYY-MM-DD') || ' 00:00:00+00',
                to_char(wanted + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
        END LOOP;
        RETURN NEXT wanted;
    END LOOP;
END $$"""


def rights() -> Iterator[str]:
    """A forwarder adds to runs that its own login has begun (guards.py), and changes their ledger;
    it cannot change or remove an event, or read what was run. A reader reads everything."""
    readable = ", ".join(layout.OPEN)
    yield from (
        "REVOKE ALL ON FUNCTION execdb.make_partitions(date[]) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION execdb.make_partitions(date[]) TO {FORWARDER}",
        f"GRANT USAGE ON SCHEMA execdb TO {FORWARDER}, {READER}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA execdb TO {READER}",
        f"GRANT SELECT ON execdb.alembic_version TO {FORWARDER}",
        f"GRANT SELECT, INSERT ON execdb.replayed TO {FORWARDER}",
        f"GRANT SELECT, INSERT ({', '.join((*IDENTITY, *LEDGER))}), UPDATE ({', '.join(LEDGER)})"
        f" ON execdb.run TO {FORWARDER}",
        f"GRANT INSERT, SELECT ({readable}) ON execdb.exec, execdb.exec_stray TO {FORWARDER}",
        f"GRANT INSERT, SELECT ({', '.join(layout.KEY)}) ON execdb.exec_end,"
        f" execdb.exec_stray_end TO {FORWARDER}",
    )
    yield "ALTER TABLE execdb.run ENABLE ROW LEVEL SECURITY"
    for name, rule in (
        ("everybody_reads", "FOR SELECT USING (true)"),
        ("anybody_begins", "FOR INSERT WITH CHECK (true)"),
        ("own_ledger", "FOR UPDATE USING (shipper = session_user)"),
    ):
        yield f"DROP POLICY IF EXISTS {name} ON execdb.run"
        yield f"CREATE POLICY {name} ON execdb.run {rule}"
    for table, value in (("loss", "lost"), ("filter", "filtered")):
        yield f"GRANT INSERT, SELECT, UPDATE (to_ns, {value}) ON execdb.{table} TO {FORWARDER}"
    yield f"GRANT INSERT, SELECT ON execdb.clock_set TO {FORWARDER}"
    yield from _config_rights()
    for table, columns in NOTES.items():
        yield (
            f"GRANT INSERT (host, {', '.join(columns)}), SELECT (host, id, time_ns, shipper)"
            f" ON execdb.{table} TO {FORWARDER}"
        )


def _config_rights() -> Iterator[str]:
    """A forwarder reads the config, and tells what became of it on its own host."""
    told = "host_group, wanted, in_file, in_kernel, error, told_at"
    yield f"GRANT SELECT ON execdb.config TO {FORWARDER}"
    yield (
        f"GRANT SELECT, INSERT (host, {told}), UPDATE ({told}) ON execdb.host_config TO {FORWARDER}"
    )
    yield "ALTER TABLE execdb.host_config ENABLE ROW LEVEL SECURITY"
    for name, rule in (
        ("everybody_reads", "FOR SELECT USING (true)"),
        ("own_host", "FOR INSERT WITH CHECK (shipper = session_user)"),
        ("own_row", "FOR UPDATE USING (shipper = session_user)"),
    ):
        yield f"DROP POLICY IF EXISTS {name} ON execdb.host_config"
        yield f"CREATE POLICY {name} ON execdb.host_config {rule}"
