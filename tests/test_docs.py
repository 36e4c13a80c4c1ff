"""The generated parts of the documentation are up to date."""

from pathlib import Path

import pytest

from docs.generate import (
    cli_page,
    first_paragraph,
    folders_and_rooms,
    generated_pages,
    help_of,
)
from execdb.cli import main

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", generated_pages(), ids=lambda page: page.name)
def test_generated_pages_are_in_step(page: Path) -> None:
    assert page.read_text() == generated_pages()[page], "run make generate"


def test_the_page_of_commands_has_all_of_them() -> None:
    assert "## execdb config set\n" in cli_page()


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, text in main.COMMANDS.items():
        usage, paragraph, _ = help_of(name).split("\n\n", 2)
        assert usage.startswith(f"Usage: execdb {name}")
        assert " ".join(paragraph.split()) == text


def test_every_folder_and_room_says_what_it_is() -> None:
    assert [name for name in folders_and_rooms() if not first_paragraph(name)] == []
