"""The documentation says what the program does. `python -m tests.test_docs` writes docs/cli.md and
the tables of folders, imports and keys in README.md, docs/how-it-works.md and docs/schema.md."""

import ast
import io
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from execdb.cli import main
from execdb.store.fields import FIELDS
from execdb.store.kinds import Kind
from tests.test_imports import ALLOWED, ROOMS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
CLI, SCHEMA, README = ROOT / "docs/cli.md", ROOT / "docs/schema.md", ROOT / "README.md"
HOW = ROOT / "docs/how-it-works.md"

INTRODUCTION = """\
# The commands

The `--help` of each, as the program prints it. Written by `.venv/bin/python -m tests.test_docs`.
"""
NAMED_FROM = (".", "tests", "tests/kernel")  # where the paths of the documentation may begin
NO_FILES = {"59aafb8c/part-5000012.c", "migrations/versions/NNNN_name.py"}
OPTION = r"(?<![\w-])--[a-z][a-z-]+"
OPTIONS_BESIDE = ("tests/bench/__main__.py", "tests/kernels/boot.py")
OPTIONS_OF_OTHERS = {"--link-dest", "--reuid", "--clear-groups", "--force"}
SAME_COLUMNS = {"seen": "execs", "images": "execs"}  # views that another one documents


def help_of(*command: str) -> str:
    """What `execdb COMMAND --help` prints on a terminal of 80 columns."""
    out = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": "80"}), redirect_stdout(out):
        assert main.run([*command, "--help"]) == 0
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def help_pages(*command: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(command, help) of the command and of all below it."""
    text = help_of(*command)
    yield command, text
    for name in re.findall(r"^  ([a-z-]+)  ", text.partition("\nCommands:\n")[2], re.MULTILINE):
        yield from help_pages(*command, name)


def cli_page() -> str:
    sections = [
        f"## {' '.join(('execdb', *command))}\n\n```text\n{text}\n```\n"
        for command, text in help_pages()
    ]
    return "\n".join([INTRODUCTION, *sections])


def folders_table() -> str:
    """Every folder and room, by the first paragraph of its docstring."""
    rows = [f"| [{name}/]({name}/) | {_first_paragraph(name)} |" for name in _folders_and_rooms()]
    return "\n".join(["| folder | what it is |", "| --- | --- |", *rows])


def imports_table() -> str:
    """What each folder and each room may import, as `tests/test_imports.py` enforces it."""
    lines = ["| folder or room | may import |", "| --- | --- |"]
    for folder in sorted(ALLOWED):
        names = {name.removeprefix("execdb.").replace(".", "/") for name in ALLOWED[folder]}
        lines.append(_row(folder, sorted(names - {folder})))
        lines += [_row(f"{folder}/{room}", rooms) for room, rooms in ROOMS.get(folder, {}).items()]
    return "\n".join(lines)


def _folders_and_rooms() -> Iterator[str]:
    for folder in sorted(path.parent.name for path in ROOT.glob("*/__init__.py")):
        yield folder
        yield from (f"{folder}/{room}" for room in ROOMS.get(folder, {}))


def _first_paragraph(folder: str) -> str:
    text = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _row(name: str, imports: Iterable[str]) -> str:
    return f"| `{name}` | {', '.join(f'`{each}`' for each in imports) or 'nothing else'} |"


def keys_table() -> str:
    """Every key of an event, as `Event` describes it."""
    lines = ["| column | type | meaning |", "| --- | --- | --- |"]
    for field in FIELDS:
        in_sql = "int" if field.kind.most is not None or field.kind is Kind.BOOL else "text"
        null = " or null" if field.nullable else ""
        lines.append(f"| `{field.name}` | {in_sql}{null} | {field.meaning} |")
    return "\n".join(lines)


def with_table(page: Path, name: str, table: str) -> str:
    """The page with what stands between its markers of that name replaced."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def generated_pages() -> dict[Path, str]:
    return {
        CLI: cli_page(),
        README: with_table(README, "folders", folders_table()),
        HOW: with_table(HOW, "imports", imports_table()),
        SCHEMA: with_table(SCHEMA, "keys", keys_table()),
    }


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


def test_cli_page_is_in_step() -> None:
    expected = cli_page()
    assert "## execdb config set\n" in expected
    assert CLI.read_text() == expected, "run .venv/bin/python -m tests.test_docs"


@pytest.mark.parametrize("page", [README, HOW], ids=lambda page: page.name)
def test_tables_of_folders_are_in_step(page: Path) -> None:
    assert page.read_text() == generated_pages()[page], "run .venv/bin/python -m tests.test_docs"


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, text in main.COMMANDS.items():
        usage, paragraph, _ = help_of(name).split("\n\n", 2)
        assert usage.startswith(f"Usage: execdb {name}")
        assert " ".join(paragraph.split()) == text


def test_every_folder_and_room_says_what_it_is() -> None:
    assert [name for name in _folders_and_rooms() if not _first_paragraph(name)] == []


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


def test_every_table_view_and_column_is_explained(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        columns = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }
    assert {"execs", "runs"} <= columns.keys()
    for name, found in columns.items():
        if name in SAME_COLUMNS:
            assert found == columns[SAME_COLUMNS[name]]
        text = section(SCHEMA, f"`{SAME_COLUMNS.get(name, name)}`")
        first_cells = "".join(re.findall(r"^\|(.*?)\|", text, re.MULTILINE))
        documented = re.findall(r"`(\w+)`", first_cells)
        assert sorted(documented) == sorted(found), name


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
    """`folder/file.py`, `folder/file.py::test_name` and, in the same file, `::test_name`."""
    source = ""
    for name in re.findall(r"`([^`\s]+)`", without_code(page)):
        path, _, test = name.partition("::")
        if "/" in path and re.fullmatch(r"[\w./-]+\.(py|c|h|md|toml|yml)", path):
            found = [file for folder in NAMED_FROM if (file := ROOT / folder / path).is_file()]
            assert found or path in NO_FILES, path
            source = found[0].read_text() if found else ""
        if test:
            function = re.escape(test).replace(r"\*", r"\w*")
            assert re.search(rf"^def {function}\(", source, re.MULTILINE), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_named_exist(page: Path) -> None:
    texts = [text for _, text in help_pages()]
    texts += [(ROOT / path).read_text() for path in OPTIONS_BESIDE]
    known = {option for text in texts for option in re.findall(OPTION, text)}
    assert set(re.findall(OPTION, page.read_text())) - known - OPTIONS_OF_OTHERS == set()


if __name__ == "__main__":
    for path, text in generated_pages().items():
        path.write_text(text)
