"""The trigger that keeps `execdb.run_day`, created again by each upgrade: what a run has on a day.

These are the least and the greatest id, who ran something, and which parents are not between these
ids (NULL: more than a few). A question leaves out the days that cannot have what it asks for.
"""

from collections.abc import Iterator

from execdb.store.central.tables.guards import for_its_own_tables

UIDS_MAX, PARENTS_MAX = 100, 1_000


def trigger() -> Iterator[str]:
    """As the owner: a forwarder may not change the table itself. It comes after `own_run`."""
    yield _FUNCTION
    yield for_its_own_tables("note_days")  # it writes with the owner's rights
    yield (
        "CREATE OR REPLACE TRIGGER then_note_days AFTER INSERT ON execdb.exec REFERENCING NEW TABLE"
        " AS added FOR EACH STATEMENT EXECUTE FUNCTION execdb.note_days()"
    )


def _distinct(array: str, most: int) -> str:
    """SQL: its elements once each; null if there are more."""
    return (
        f"(SELECT CASE WHEN count(*) <= {most} THEN array_agg(one) END"
        f" FROM (SELECT DISTINCT unnest({array}) AS one) AS every)"
    )


_FUNCTION = f"""
CREATE OR REPLACE FUNCTION execdb.note_days() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    few record;
    known record;
    others bigint[];
BEGIN
    FOR few IN
        SELECT run_id, (time AT TIME ZONE 'UTC')::date AS day, min(id) AS first_id,
            max(id) AS last_id, array_agg(DISTINCT uid) AS uids
        FROM added GROUP BY 1, 2
    LOOP
        INSERT INTO execdb.run_day AS there (run_id, day, first_id, last_id, uids, parents)
        VALUES (few.run_id, few.day, few.first_id, few.last_id,
            CASE WHEN cardinality(few.uids) <= {UIDS_MAX} THEN few.uids END, '{{}}')
        ON CONFLICT (run_id, day) DO UPDATE SET
            first_id = least(there.first_id, excluded.first_id),
            last_id = greatest(there.last_id, excluded.last_id),
            uids = CASE WHEN there.uids @> excluded.uids THEN there.uids
                WHEN there.uids IS NOT NULL AND excluded.uids IS NOT NULL
                THEN {_distinct("there.uids || excluded.uids", UIDS_MAX)} END
        RETURNING * INTO known;
        CONTINUE WHEN known.parents IS NULL;
        SELECT array_agg(DISTINCT parent_id) INTO others FROM added
        WHERE run_id = few.run_id AND (time AT TIME ZONE 'UTC')::date = few.day
            AND (parent_id < known.first_id OR parent_id > known.last_id);
        CONTINUE WHEN others IS NULL OR known.parents @> others;
        UPDATE execdb.run_day SET parents = {_distinct("known.parents || others", PARENTS_MAX)}
        WHERE run_id = few.run_id AND day = few.day;
    END LOOP;
    RETURN NULL;
END $$"""
