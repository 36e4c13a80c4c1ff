"""Whatever the documentation names exists: links, files, tests, options, commands, tables and
columns; and its SQL runs."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from docs.generate import README, ROOT, SCHEMA, help_pages
from execdb.store.fields import FIELDS
from execdb.store.schema.definition import SCHEMA_FILE
from tests.test_imports import FOLDERS

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMED_FROM = (".", "tests", "tests/kernel")  # where the paths of the documentation may begin
NO_FILES = {
    "cli/commands/ROOM/NAME.py",
    "tests/cli/commands/ROOM/test_NAME.py",
    "59aafb8c/part-5000012.c",
    "migrations/versions/NNNN_name.py",
}
OPTION = r"(?<![\w-])--[a-z][a-z-]+"
OPTIONS_BESIDE = ("tests/bench/__main__.py", "tests/kernels/boot.py")
OPTIONS_OF_OTHERS = {"--metadata", "--link-dest", "--reuid", "--clear-groups", "--force"}
OPTIONS_OF_OTHERS |= {"--force-reinstall"}  # of pip
# of docker
OPTIONS_OF_OTHERS |= {"--name", "--restart", "--pid", "--uts", "--network", "--read-only"}
OPTIONS_OF_OTHERS |= {"--cap-drop", "--cap-add", "--security-opt", "--privileged"}
OPTIONS_OF_OTHERS |= {"--password", "--pool", "--ff-only"}  # in recorded command lines
OPTIONS_OF_OTHERS |= {"--argument-budget"}  # of an earlier version, in the CHANGELOG
SAME_COLUMNS = {"seen": "execs", "images": "execs"}  # views that another one documents


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def section(page: Path, heading: str) -> str:
    """What stands under the heading, down to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page.read_text(), re.M | re.S)
    assert found, f"{page.name} has no section {heading}"
    return found[1]


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_names_only_commands_and_options_that_there_are() -> None:
    pages = {" ".join(command): text for command, text in help_pages()}
    calls = re.findall(r"^(?:# )?execdb ([a-z]+)(.*)$", README.read_text(), re.MULTILINE)
    assert calls
    for name, rest in calls:
        for option in re.findall(r"(?<= )--[a-z-]+", rest.partition(" #")[0]):
            assert re.search(rf"{option}\b", pages[name]), f"execdb {name} has no {option}"


@pytest.mark.parametrize("sql", code_blocks(SCHEMA, "sql"))
def test_sql_samples_run(sql: str, db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(sql).fetchall()


def columns_of(db: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(db)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }


def documented_columns(heading: str) -> list[str]:
    first_cells = re.findall(r"^\|(.*?)\|", section(SCHEMA, f"`{heading}`"), re.MULTILINE)
    return re.findall(r"`(\w+)`", "".join(first_cells))


def test_every_view_and_column_is_explained(db: Path) -> None:
    columns = columns_of(db)
    assert {"execs", "runs"} <= columns.keys()
    for name in columns.keys() - set(internal_tables()):
        if name in SAME_COLUMNS:
            assert columns[name] == columns[SAME_COLUMNS[name]]
        assert sorted(documented_columns(SAME_COLUMNS.get(name, name))) == sorted(columns[name])


def test_every_internal_table_and_column_is_explained(db: Path) -> None:
    """The page has a line for each table; `schema.sql` a comment for each column, unless it is a
    key, or has the name and the meaning of one that the page explains."""
    columns, sql = columns_of(db), SCHEMA_FILE.read_text()
    explained = {name for view in ("execs", "runs", "losses") for name in documented_columns(view)}
    for table in internal_tables():
        (definition,) = re.findall(rf"^CREATE TABLE {table} \((.*?)^\)", sql, re.M | re.S)
        for column in columns[table]:
            commented = re.search(rf"^    {column} .*-- ", definition, re.MULTILINE)
            assert commented or column in explained or column.endswith("id"), f"{table}.{column}"


def internal_tables() -> list[str]:
    rows = re.findall(r"^\|(.*?)\|", section(SCHEMA, "Tables"), re.MULTILINE)
    return re.findall(r"`(\w+)`", "".join(rows))


def test_json_example_has_the_keys_in_their_order() -> None:
    (example,) = code_blocks(SCHEMA, "json")
    assert list(json.loads(example)) == [field.name for field in FIELDS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if fragment:
            assert fragment in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    assert list(missing_names(page)) == []


def missing_names(page: Path) -> Iterator[str]:
    """Of `folder/room`, `folder/file.py`, `folder/file.py::test_name` and, in the same file,
    `::test_name`."""
    source = ""
    for name in re.findall(r"`([^`\s]+)`", without_code(page)):
        path, _, test = name.partition("::")
        if "/" in path and re.fullmatch(r"\w[\w./-]*\.(py|c|h|sql|md|toml|yml)", path):
            found = [file for folder in NAMED_FROM if (file := ROOT / folder / path).is_file()]
            source = found[0].read_text() if found else ""
            if not found and path not in NO_FILES:
                yield path
        elif re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w/]+", path) and not any(
            (ROOT / f"{path}{end}").exists() for end in ("", ".py")
        ):
            yield path
        if test:
            function = re.escape(test).replace(r"\*", r"\w*")
            if not re.search(rf"^def {function}\(", source, re.MULTILINE):
                yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_named_exist(page: Path) -> None:
    texts = [text for _, text in help_pages()]
    texts += [(ROOT / path).read_text() for path in OPTIONS_BESIDE]
    known = {option for text in texts for option in re.findall(OPTION, text)}
    assert set(re.findall(OPTION, page.read_text())) - known - OPTIONS_OF_OTHERS == set()
