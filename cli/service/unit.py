"""The unit and the sysusers.d(5) file."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from execdb.cli.service.places import FOLDER, USER

SYSUSERS = f'u {USER} - "execdb recorder" {FOLDER}\n'
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))  # what ProtectHome= hides

# With systemd 257 what ProtectHome=tmpfs puts there has the mode of /root: others cannot enter it.
_ROOT = "TemporaryFileSystem=/root:ro,mode=0755\n"


def unit(python: Path, code: Iterable[Path], database: Path, options: Mapping[str, object]) -> str:
    """`python` runs execdb, which is in the folders `code`; `options` of `collect` are those that
    no file of options has."""
    words: list[str] = [str(python), "-I", "-m", "execdb", "collect", "--take-over"]
    for name, value in options.items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    template = Template(files("execdb.cli.service").joinpath("execdb.service.in").read_text())
    return template.substitute(exec_start=command(words), binds=_binds(code, database.parent))


def _binds(code: Iterable[Path], folder: Path) -> str:
    """What the service needs of folders that it would not see, or could not write to."""
    writable = "" if folder == FOLDER else f"ReadWritePaths={quoted(str(folder))}\n"
    return hidden_binds(code) + writable


def hidden_binds(code: Iterable[Path]) -> str:
    """What makes folders visible that ProtectHome= hides."""
    hidden = sorted({path for path in code if is_hidden(path)})
    binds = "".join(f"BindReadOnlyPaths={quoted(str(path))}\n" for path in hidden)
    below_root = any(path.is_relative_to("/root") for path in hidden)
    return f"{_ROOT}{binds}" if below_root else binds


def is_hidden(path: Path) -> bool:
    """Whether ProtectHome= hides it from the service."""
    return any(path.is_relative_to(home) for home in _HOMES)


def command(words: Sequence[str]) -> str:
    """A command line as systemd.service(5) reads it."""
    return " ".join(quoted(word).replace("$", "$$") for word in words)


def quoted(word: str) -> str:
    """A word for a unit: quotes where needed, and no specifiers (systemd.syntax(7))."""
    word = word.replace("%", "%%")
    if word and not any(char.isspace() or char in "\"'\\;" for char in word):
        return word
    for char, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        word = word.replace(char, escaped)
    return f'"{word}"'
