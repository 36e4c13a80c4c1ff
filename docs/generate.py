"""Writes the generated parts of the documentation: `make generate`.

docs/cli.md from the program's help, the tables of folders, imports and keys in README.md,
docs/how-it-works.md and docs/schema.md, the answers in docs/questions.md, and the man pages, which
are installed.
"""

import ast
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from unittest import mock

from docs.answers import PAGE as QUESTIONS
from docs.answers import with_answers
from execdb.cli import main
from execdb.cli.service.man import man_pages
from execdb.store.fields import FIELDS
from execdb.store.kinds import Kind
from tests.test_imports import ALLOWED, ROOMS

ROOT = Path(__file__).parents[1]
CLI, SCHEMA, README = ROOT / "docs/cli.md", ROOT / "docs/schema.md", ROOT / "README.md"
HOW = ROOT / "docs/how-it-works.md"
MAN = ROOT / "cli/service/man1"

INTRODUCTION = """\
# The commands

The `--help` of each, as the program prints it. Written by `make generate`.
"""


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
    for name in re.findall(r"^  ([a-z][a-z-]*)  ", text, re.MULTILINE):
        yield from help_pages(*command, name)


def cli_page() -> str:
    sections = [
        f"## {' '.join(('execdb', *command))}\n\n```text\n{text}\n```\n"
        for command, text in help_pages()
    ]
    return "\n".join([INTRODUCTION, *sections])


def folders_table() -> str:
    """Every folder and room, by the first paragraph of its docstring."""
    rows = [f"| [{name}/]({name}/) | {first_paragraph(name)} |" for name in folders_and_rooms()]
    return "\n".join(["| folder | what it is |", "| --- | --- |", *rows])


def imports_table() -> str:
    """What each folder and each room may import, as `tests/test_imports.py` enforces it."""
    lines = ["| folder or room | may import |", "| --- | --- |"]
    for folder in sorted(ALLOWED):
        names = {name.removeprefix("execdb.").replace(".", "/") for name in ALLOWED[folder]}
        lines.append(_row(folder, sorted(names - {folder})))
        lines += [_row(f"{folder}/{room}", rooms) for room, rooms in ROOMS.get(folder, {}).items()]
    return "\n".join(lines)


def folders_and_rooms() -> Iterator[str]:
    for folder in sorted(path.parent.name for path in ROOT.glob("*/__init__.py")):
        yield folder
        yield from (f"{folder}/{room}" for room in ROOMS.get(folder, {}))


def first_paragraph(folder: str) -> str:
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


@cache
def generated_pages() -> dict[Path, str]:
    """Each page that is generated, or has generated tables, and its text."""
    return {
        CLI: cli_page(),
        README: with_table(README, "folders", folders_table()),
        HOW: with_table(HOW, "imports", imports_table()),
        SCHEMA: with_table(SCHEMA, "keys", keys_table()),
        QUESTIONS: with_answers(QUESTIONS.read_text()),
        **{MAN / name: text for name, text in man_pages().items()},
    }


if __name__ == "__main__":
    for path, text in generated_pages().items():
        path.write_text(text)
