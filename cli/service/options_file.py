"""/etc/execdb.toml as `service install` writes it: every option of every command, commented."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from execdb.cli.service.command_tree import Described, every_command

_NOT_HERE = {"help", "version", "db", "install-completion", "show-completion"}
_HEAD = """\
# Defaults for the options of execdb's commands. The service takes those of [collect]; after a
# change: systemctl reload execdb, which says what needs a restart. Remove the "# " before an option
# to set it. What each does, and how its value is written, says execdb COMMAND --help.
"""
_REDACT = """\
# More secrets for --redact, as RE2 expressions; a first group is the secret.
[redact]
# patterns = ['corp_[a-z0-9]{20}', 'badge=(\\d+)']
"""
_WIDTH = 98


def options_file(set_: Mapping[str, object], database: str | None) -> str:
    """`set_` are options of `collect` that are not commented; `database` is set if it is not the
    default."""
    parts = [_HEAD, _key("db", database, "/var/lib/execdb/execdb.db", "The database.")]
    for described in every_command():
        if described.words and described.words[0] != "service":
            lines = "".join(_options(described, set_ if described.words == ("collect",) else {}))
            parts += [f"[{'.'.join(described.words)}]\n{lines}"] if lines else []
    return "\n".join([*parts, _REDACT])


def _options(described: Described, set_: Mapping[str, object]) -> Iterator[str]:
    for param in described.command.params:
        name = option_name(param)
        if name and name not in _NOT_HERE:
            yield _key(name, set_.get(name), _default(param), param.help or "")


def option_name(param: Any) -> str:
    """Its long name without dashes; empty for an argument."""
    longest = [opt for opt in param.opts if opt.startswith("--")]
    return longest[0][2:] if param.param_type_name == "option" and longest else ""


def _default(param: Any) -> object:
    """What stands there if it is not set: the default, or what kind of value is expected."""
    if param.is_flag:
        return bool(param.default)
    example = param.default if isinstance(param.default, str | int | float) else param.metavar
    if param.default is None or example is None:
        example = param.metavar or param.name.upper()
    example = getattr(example, "value", example)
    return [example] if param.multiple else example


def _key(name: str, value: object, default: object, meaning: str) -> str:
    import tomli_w

    text = textwrap.fill(
        meaning, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )
    shown = tomli_w.dumps({name: default if value is None else value}, multiline_strings=False)
    shown = " ".join(shown.split()).replace("[ ", "[").replace(", ]", "]")
    return f"{text}\n{shown if value is not None else f'# {shown}'}\n"
