"""What Datasette is told about an exported file holds for that file."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from execdb.store.fields import FIELD_OF
from execdb.store.file.database import open_database
from tests.cli.conftest import Run
from tests.conftest import an_exec, recorded


def test_its_questions_can_be_asked_and_its_columns_are_there(
    run: Run, db: Path, tmp_path: Path
) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(), an_exec(1, comm="make")])
    assert run("export", tmp_path / "a.b.sqlite").code == 0
    told = json.loads((tmp_path / "a.b.metadata.json").read_text())["databases"]["a.b"]
    execs = told["tables"]["execs"]
    assert {*execs["facets"], *execs["columns"], execs["sort_desc"]} <= {*FIELD_OF}
    with closing(sqlite3.connect(tmp_path / "a.b.sqlite")) as flat:
        tables = {name for (name,) in flat.execute("SELECT name FROM sqlite_master")}
        assert {name for name in told["tables"] if not name.startswith("sqlite_")} <= tables
        for facet in execs["facets"]:  # which Datasette gives 200 ms
            asked = (
                f"SELECT {facet}, count(*) FROM execs WHERE {facet} IS NOT NULL GROUP BY {facet}"
            )
            (plan,) = flat.execute(f"EXPLAIN QUERY PLAN {asked}")
            assert "USING COVERING INDEX" in plan[3]
        rows = {
            name: flat.execute(question["sql"], {"id": 1, "uid": 1000}).fetchall()
            for name, question in told["queries"].items()
        }
    assert sorted(row[0] for row in rows["by_program"]) == ["make", "true"]
    assert [row[0] for row in rows["ancestors"]] == [1]


def test_nothing_is_left_of_a_pair_that_cannot_be_written(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.metadata.json").write_text("mine")
    assert run("export", tmp_path / "a.sqlite").code == 1
    assert [path.name for path in tmp_path.glob("a.*")] == ["a.metadata.json"]
    assert run("export", tmp_path / "a.sqlite", "--force").code == 0
    assert "execs" in (tmp_path / "a.metadata.json").read_text()
