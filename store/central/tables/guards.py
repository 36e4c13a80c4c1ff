"""Triggers by which a login changes nothing but its own runs: created again by each upgrade.

Not by row-level security, with which COPY does not work.
"""

from collections.abc import Iterator

from execdb.store.replay_root import REPLAY_CGROUP

_OWN = (
    "SELECT FROM execdb.run r WHERE r.run_id OPERATOR(pg_catalog.=) {0}.run_id"
    " AND r.shipper OPERATOR(pg_catalog.=) session_user::pg_catalog.text"
)
_REFUSE = (
    "RAISE EXCEPTION 'a run was not begun by the login %', session_user"
    " USING ERRCODE = 'insufficient_privilege'"
)
# So that a question needs no look into each partition for live replays to leave out.
_NOTE_REPLAYS = (
    "INSERT INTO execdb.replayed SELECT DISTINCT added.run_id FROM added"
    f" WHERE added.cgroup OPERATOR(pg_catalog.~~) '{REPLAY_CGROUP}_%' ON CONFLICT DO NOTHING"
)
# Their rows are looked at before they are added: one that waited to be refused would hold its key,
# and with it the login whose row has the same one.
_BY_ROW = {
    **dict.fromkeys(("exec_end", "exec_stray_end", "clock_set", "replayed"), "INSERT"),
    **dict.fromkeys(("loss", "filter"), "INSERT OR UPDATE"),
}


def guards() -> Iterator[str]:
    """Rows of a run come from the login that began it; the store says when something came. The
    functions name every operator's schema, as the search_path is the caller's."""
    yield from _function(
        "refuse_row", f"IF NOT EXISTS ({_OWN.format('NEW')}) THEN {_REFUSE}; END IF; RETURN NEW;"
    )
    yield from _function(
        "refuse_rows",
        f"IF EXISTS (SELECT FROM added WHERE NOT EXISTS ({_OWN.format('added')}))"
        f" THEN {_REFUSE}; END IF; {_NOTE_REPLAYS}; RETURN NULL;",
    )
    yield from _function("note_time", "NEW.shipped_at := pg_catalog.clock_timestamp(); RETURN NEW;")
    yield from _function("note_told", "NEW.told_at := pg_catalog.clock_timestamp(); RETURN NEW;")
    for table, when in _BY_ROW.items():
        yield (
            f"CREATE OR REPLACE TRIGGER own_run BEFORE {when} ON execdb.{table}"
            " FOR EACH ROW EXECUTE FUNCTION execdb.refuse_row()"
        )
    # A look at each row of these would nearly double what adding it costs the server. Keys of
    # another's next rows in `exec` have their time, and nobody may add to a partition itself.
    for table in ("exec", "exec_stray"):
        yield (
            f"CREATE OR REPLACE TRIGGER own_run AFTER INSERT ON execdb.{table} REFERENCING NEW"
            " TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION execdb.refuse_rows()"
        )
    yield (
        "CREATE OR REPLACE TRIGGER shipped BEFORE UPDATE ON execdb.run FOR EACH ROW"
        " WHEN (NEW.shipped_at IS NOT DISTINCT FROM OLD.shipped_at)"
        " EXECUTE FUNCTION execdb.note_time()"
    )
    yield (
        "CREATE OR REPLACE TRIGGER told BEFORE INSERT OR UPDATE ON execdb.host_config"
        " FOR EACH ROW EXECUTE FUNCTION execdb.note_told()"
    )


def _function(name: str, body: str) -> Iterator[str]:
    yield (
        f"CREATE OR REPLACE FUNCTION execdb.{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} END $$"
    )
    yield for_its_own_tables(name)


def for_its_own_tables(name: str) -> str:
    """No login can use the function in a trigger on a table of its own. The store's own triggers
    need no right of who fires them."""
    return f"REVOKE ALL ON FUNCTION execdb.{name}() FROM PUBLIC"
