"""--help: short enough to read, with examples that work."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from docs.generate import help_pages
from execdb.cli.main import app
from tests.cli.conftest import Run

PAGES = dict(help_pages())
# These record, or replace files; their examples are only parsed, as are those that follow.
ONLY_PARSED = ("collect", "doctor", "import", "service", "ship", "upgrade", "web")


def examples(page: str) -> list[str]:
    return page.partition("\nExamples:\n")[2].splitlines()


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of each execdb in a line for a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>")
    lexer.wordchars += ",:%@"
    words = list(lexer)
    while words:
        end = next((at for at, word in enumerate(words) if word in ("|", ">")), len(words))
        part, words = words[:end], words[end + 1 :]
        if "execdb" in part:
            yield part[part.index("execdb") + 1 :]


def parse(arguments: list[str]) -> None:
    """As the command does before it runs. Raises typer.TyperException."""
    command = typer.main.get_command(app)
    context = command.make_context("execdb", arguments)
    while isinstance(command, typer.core.TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


CALLS = [
    arguments for page in PAGES.values() for line in examples(page) for arguments in calls(line)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: " ".join(page) or "execdb")
def test_a_page_fits_80_columns_and_has_two_to_five_examples(page: tuple[str, ...]) -> None:
    assert max(map(len, PAGES[page].splitlines())) <= 80
    found = examples(PAGES[page])
    assert 2 <= len(found) <= 5
    own = [arguments for line in found for arguments in calls(line)]
    assert [*page] in [arguments[: len(page)] for arguments in own]


@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_an_example_is_accepted(
    run: Run, db: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(db.parent)  # some write a file
    if arguments[0] in ONLY_PARSED or "--follow" in arguments:
        parse(arguments)
        return
    assert run(*(word.replace("alice", "root") for word in arguments)).code in (0, 1, 3)


def test_what_is_wrong_does_not_pass_for_an_example() -> None:
    assert list(calls("ssh host execdb query | execdb import - > file  # x")) == [
        ["query"],
        ["import", "-"],
    ]
    for wrong in (["collect", "--frobnicate"], ["import"], ["frobnicate"]):
        with pytest.raises(typer.TyperException):
            parse(wrong)


def test_options_and_environment_variables_are_said_with_their_defaults() -> None:
    assert "EXECDB_DB; default: /var/lib/execdb/execdb.db" in " ".join(PAGES[()].split())
    assert "EXECDB_BTF" in PAGES["doctor",]
    for page, text in PAGES.items():
        assert re.search(r"^  --db PATH\S* ", text, re.MULTILINE), page
