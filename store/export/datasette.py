"""What Datasette (https://docs.datasette.io/en/stable/metadata.html) needs to show an exported file
well. Pure."""

from typing import Any

_FACETS = ["comm", "uid", "ended", "exit_code"]
_LABELS = {
    "time": "When it began (UTC)",
    "comm": "Name of the program",
    "argv": "Arguments, as JSON",
    "ended": "exit, signal, or exec if another program took its place",
    "parent_id": "The event that started it",
}
_NEWEST = "ORDER BY time_ns DESC LIMIT 100"
_QUERIES = {
    "failed": (
        "What failed, newest first",
        "SELECT time, uid, comm, argv, exit_code, signal, errno FROM execs "
        f"WHERE exit_code > 0 OR signal IS NOT NULL OR errno IS NOT NULL {_NEWEST}",
    ),
    "by_program": (
        "How often programs ran, how many failed, and how long they took",
        "SELECT comm, count(*) AS runs, sum(exit_code > 0 OR signal IS NOT NULL) AS failed, "
        "round(sum(duration_ns) / 1e9, 3) AS total_s, round(max(duration_ns) / 1e9, 3) AS max_s "
        "FROM execs WHERE errno IS NULL GROUP BY comm ORDER BY runs DESC LIMIT 100",
    ),
    "of_a_user": (
        "What a user ran, newest first",
        f"SELECT time, comm, argv, cwd, ended, exit_code FROM execs WHERE uid = :uid {_NEWEST}",
    ),
    "ancestors": (
        "What started an event, and what started that",
        "WITH RECURSIVE line(id, depth) AS (SELECT cast(:id AS integer), 0 UNION ALL "
        "SELECT execs.parent_id, depth + 1 FROM line JOIN execs ON execs.id = line.id "
        "WHERE execs.parent_id IS NOT NULL AND depth < 100) "
        "SELECT execs.id, time, uid, comm, argv FROM line JOIN execs ON execs.id = line.id "
        "ORDER BY depth DESC",
    ),
    "children": (
        "What an event started",
        "SELECT id, time, comm, argv, ended, exit_code FROM execs WHERE parent_id = :id "
        "ORDER BY time_ns LIMIT 1000",
    ),
}


def metadata(database: str) -> dict[str, Any]:
    """For `datasette FILE --metadata`, of the file whose name without ending is `database`."""
    return {
        "title": "Programs that ran",
        "description": "Exported by execdb, the flight recorder for programs.",
        "databases": {
            database: {
                "tables": {
                    "execs": {
                        "title": "Execs: one row for each program",
                        "sort_desc": "time_ns",
                        "facets": _FACETS,
                        "columns": _LABELS,
                        "label_column": "comm",
                    },
                    "coverage": {"title": "When everything was recorded, and when not"},
                    "losses": {"title": "Execs that were lost, by cause"},
                    "runs": {"title": "Runs of the collector"},
                    **{f"sqlite_stat{number}": {"hidden": True} for number in (1, 4)},
                },
                "queries": {
                    name: {"title": title, "sql": sql} for name, (title, sql) in _QUERIES.items()
                },
            }
        },
    }
