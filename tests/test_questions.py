"""docs/questions.md: every question has an answer, and every command works."""

import re
from pathlib import Path

import pytest

from docs.answers import PAGE, answer, commands_of, told
from tests.cli.test_help import calls, parse

TEXT = PAGE.read_text()
SECTIONS = {section.splitlines()[0]: section for section in re.split(r"(?m)^#+ ", TEXT)[2:]}
QUESTIONS = {name: text for name, text in SECTIONS.items() if f"\n### {name}\n" in TEXT}
LIVE = "".join(re.findall(r"(?ms)^```sh\n(.*?)^```", TEXT)).splitlines()


def test_every_question_of_the_page_has_a_command_or_says_what_there_is() -> None:
    assert len(QUESTIONS) >= 28
    for heading, section in QUESTIONS.items():
        said = re.sub(r"(?s)```.*?```", "", section)
        assert "```" in section or len(said.split()) > 15, heading
        assert ("```console" in section) == ("Time: " in section), heading
        assert "TIME" not in section, f"{heading}: python -m docs.time_answers"


def expected(line: str) -> int:
    """The exit code: 1 of a comparison, whose sides differ."""
    return 1 if line.startswith("execdb compare ") else 0


def test_no_command_fails(tmp_path: Path) -> None:
    lines = commands_of(TEXT)
    assert len(lines) >= 23
    with told() as database:
        answers = {line: answer(line, database) for line in lines}
    wrong = {line: found for line, found in answers.items() if found[0] != expected(line)}
    assert wrong == {}
    for line, (_, text) in answers.items():
        assert [said for said in text.splitlines() if not said.startswith("note: ")], line


@pytest.mark.parametrize("line", [line for line in LIVE if line.startswith("execdb ")])
def test_what_does_not_end_by_itself_is_at_least_understood(line: str) -> None:
    (arguments,) = calls(line)
    parse(arguments)
