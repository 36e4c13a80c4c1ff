"""Whether the service may run this installation: only root may be able to change it, because the
service may do what its user may not."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import execdb
from execdb.cli.service.unit import is_hidden
from execdb.store.errors import ExecdbError

_NAME = re.compile(r"[^A-Za-z0-9._-]")  # what ends it in a requirement
_ELSEWHERE = "install it where only root can write, such as in /opt"


def interpreter() -> Path:
    """The one of this installation; in a virtual environment its link."""
    return Path(sys.executable)


def code_folders() -> list[Path]:
    """All that this program is read from: the environment, and Python's own if that is another."""
    package = Path(execdb.__file__).parents[1]
    found = {package, Path(sys.prefix), Path(sys.base_prefix)}
    return sorted(each for each in found if not found & {*each.parents})


def require_safe_code() -> None:
    """Raises ExecdbError if a user other than root could change what the service runs, or if the
    service could not read it."""
    closed = {*_hidden_parents()}
    for path in _paths():
        try:
            status = path.stat()
        except FileNotFoundError:  # a link to nothing
            continue
        if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            owner = f"uid {status.st_uid}" if status.st_uid else "others than root"
            raise ExecdbError(
                f"the service would run {path}, which {owner} can write: {_ELSEWHERE}"
            )
        readable = status.st_mode & (stat.S_IXOTH if path.is_dir() else stat.S_IROTH)
        if not readable and path not in closed:
            raise ExecdbError(f"the service could not read {path}: chmod o+rX, or {_ELSEWHERE}")
    _require_import()


def _paths() -> Iterator[Path]:
    """The interpreter, the folders that it imports from, all of execdb and of what that requires,
    and what is above them."""
    python = interpreter()
    imported = [Path(entry) for entry in sys.path if entry and Path(entry).is_dir()]
    packages = [Path(execdb.__file__).parent, *_required()]
    starts = [python, Path(os.path.realpath(python)), *imported, *packages]
    above = {folder for start in starts for folder in start.absolute().parents}
    inside = (path for package in packages for path in _tree(package))
    yield from dict.fromkeys([*sorted(above), *starts, *inside])


def _required() -> Iterator[Path]:
    """The folders and modules of the distributions that execdb requires, and that those do."""
    waiting, known = ["execdb"], {""}
    while waiting:
        name = _NAME.split(waiting.pop(), maxsplit=1)[0]
        name = re.sub("[-_.]+", "-", name).lower()
        if name in known:
            continue
        known.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another system or Python
            continue
        if name != "execdb":
            yield from _top_level(found)
        waiting += [each for each in found.requires or () if "extra ==" not in each]


def _top_level(found: metadata.Distribution) -> Iterator[Path]:
    named = (found.read_text("top_level.txt") or "").split()
    listed = {file.parts[0] for file in found.files or () if file.parts[0] != ".."}
    for name in sorted({*named, *(f"{name}.py" for name in named), *listed}):
        path = Path(str(found.locate_file(name)))
        if path.exists():
            yield path


def _tree(top: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        yield from (Path(folder, name) for name in (*folders, *files))


def _hidden_parents() -> Iterator[Path]:
    """Folders that the service has empty ones for: they may be closed to it."""
    for folder in code_folders():
        yield from (path for path in folder.parents if is_hidden(path))


def _require_import() -> None:
    """As the service does it: without the user's own packages and without PYTHONPATH."""
    command = [str(interpreter()), "-I", "-c", "import execdb.cli.main"]
    done = subprocess.run(command, capture_output=True, cwd="/")
    if done.returncode:
        raise ExecdbError(f"{interpreter()} -I does not find execdb: {_ELSEWHERE}")
