"""Man pages (man(7)) of execdb and of each command, from the same objects as the help."""

import re
from collections.abc import Iterator
from importlib.resources import files

from execdb.cli.service.command_tree import Described, every_command

_FILES = (
    ("/var/lib/execdb/execdb.db", "the default database"),
    ("/etc/execdb.toml, ~/.config/execdb.toml", "defaults of options; the later one wins"),
)
_EXITS = (
    ("0", "done"),
    ("1", "it could not be done; a line on stderr says why"),
    ("2", "wrong usage"),
    ("3", "with --strict: events may be missing"),
    ("130", "interrupted, where that is not the normal end"),
)


def man_pages() -> dict[str, str]:
    """The text of each page by its file name, such as `execdb-query.1`."""
    found = list(every_command())
    names = [_name(each) for each in found]
    return {f"{_name(each)}.1": page(each, names) for each in found}


def stored() -> dict[str, str]:
    """The same as they come with the package: `make generate` writes them."""
    return {
        each.name: each.read_text()
        for each in files("execdb.cli.service").joinpath("man1").iterdir()
    }


def page(described: Described, names: list[str]) -> str:
    """In roff(7)."""
    name = _name(described)
    lines = [
        f'.TH "{name.upper()}" "1" "" "execdb" "execdb"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(_summary(described))}",
        ".SH SYNOPSIS",
        f".B {_roff(' '.join(('execdb', *described.words)))}",
        _roff(" ".join(described.command.collect_usage_pieces(described.context))),
        ".SH DESCRIPTION",
        *_paragraphs(described.command.help or ""),
        *_entries("ARGUMENTS", _arguments(described)),
        *_entries("OPTIONS", _options(described)),
        *_commands(described),
        *_examples(described.command.epilog or ""),
        *_entries("EXIT STATUS", _EXITS),
        *_entries("FILES", _FILES),
        ".SH SEE ALSO",
        *_see_also(name, names),
    ]
    return "\n".join(lines) + "\n"


def _name(described: Described) -> str:
    return "-".join(("execdb", *described.words))


def _summary(described: Described) -> str:
    """The first sentence, without its end, in one line."""
    first = (described.command.help or "").partition("\n\n")[0]
    return " ".join(first.split()).partition(". ")[0].removesuffix(".")


def _paragraphs(text: str) -> Iterator[str]:
    for place, paragraph in enumerate(text.strip().split("\n\n")):
        if place:
            yield ".PP"
        yield _roff(" ".join(paragraph.split()))


def _options(described: Described) -> Iterator[tuple[str, str]]:
    for param in described.command.params:
        record = param.get_help_record(described.context)
        if param.param_type_name == "option" and record is not None:
            yield record


def _arguments(described: Described) -> Iterator[tuple[str, str]]:
    for param in described.command.params:
        if param.param_type_name == "argument" and param.help:
            yield param.make_metavar(described.context), param.help


def _entries(
    heading: str, entries: "Iterator[tuple[str, str]] | tuple[tuple[str, str], ...]"
) -> list[str]:
    lines = [line for term, text in entries for line in (".TP", f".B {_roff(term)}", _roff(text))]
    return [f".SH {heading}", *lines] if lines else []


def _commands(described: Described) -> list[str]:
    if not hasattr(described.command, "list_commands"):
        return []
    context, command = described.context, described.command
    entries = [
        ("-".join(("execdb", *described.words, name)) + "(1)", _help_of(command, context, name))
        for name in command.list_commands(context)
    ]
    return _entries("COMMANDS", tuple(entries))


def _help_of(command: object, context: object, name: str) -> str:
    found = command.get_command(context, name)  # type: ignore[attr-defined]
    return " ".join((found.help or "").partition("\n\n")[0].split())


def _examples(epilog: str) -> list[str]:
    lines = [_roff(line) for line in epilog.strip().splitlines()]
    return [".SH EXAMPLES", ".nf", *lines, ".fi"] if lines else []


def _see_also(name: str, names: list[str]) -> Iterator[str]:
    """The page above, and those beside it."""
    above = name.rpartition("-")[0] or name
    near = [each for each in names if each == above or each.rpartition("-")[0] == above]
    near = [each for each in near if each != name]
    for place, each in enumerate(near):
        yield f".BR {_roff(each)} (1){',' if place < len(near) - 1 else ''}"


def _roff(text: str) -> str:
    """Text as it is to be read: no line of it is a request, no character an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    text = " ".join(text.split("\n"))
    return re.sub(r"^([.])", r"\\&\1", text)
