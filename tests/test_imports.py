"""What may import what."""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("api", "bpf", "collector", "livereplay", "store", "cli", "migrations")

# Who may import whom; every folder may import itself, its rooms as ROOMS says. What stands in
# `execdb` itself comes from the folder api.
ALLOWED = {
    "api": ("execdb.api", "execdb.store"),
    "api/__main__.py": ("execdb.cli.main",),
    "bpf": ("execdb.bpf",),
    "collector": (
        "execdb.collector",
        "execdb.store.account",
        "execdb.store.bounded_cache",
        "execdb.store.event",
        "execdb.store.errors",
        "execdb.bpf",
    ),
    "livereplay": ("execdb.livereplay",),
    "store": ("execdb.store",),
    "store/file/upgrade.py": ("execdb.store", "execdb.migrations"),
    "store/central/tables/upgrade.py": ("execdb.store", "execdb.migrations"),
    "cli": tuple(f"execdb.{name}" for name in FOLDERS if name != "migrations"),
    "migrations": ("execdb.store",),
}
# A room may import itself and these rooms of its folder, besides the files of the folder itself.
ROOMS = {
    "store": {
        "schema": (),
        "file": ("schema",),
        "integrity": ("file", "schema"),
        "segments": ("file", "schema"),
        "ledger": ("segments", "file", "schema"),
        "writing": ("segments", "file", "schema"),
        "importing": ("segments", "file", "schema"),
        "merging": ("importing", "segments", "file", "schema"),
        "reading": ("terms", "segments", "file", "schema"),
        "overview": ("reading", "config", "terms", "segments", "file", "schema"),
        "comparison": (),
        "limits": ("ledger", "segments", "file", "schema"),
        "central": (
            *("reading", "browsing", "overview", "ledger", "config", "writing", "terms"),
            *("segments", "file", "schema"),
        ),
        "asking": (
            *("central", "reading", "browsing", "overview", "ledger", "limits", "config"),
            *("writing", "terms", "segments", "file", "schema"),
        ),
        "config": ("terms", "file"),
        "redaction": (),
        "browsing": ("reading", "terms", "segments", "file", "schema"),
        "export": ("ledger", "file", "schema"),
        "terms": (),
    },
    "cli": {
        "output": (),
        "input": ("output",),
        "table": (),
        "show": ("table", "output"),
        "service": ("input", "output"),
        "session": ("service", "input", "show", "table", "output"),
        "sums": ("show", "table", "output"),
        "drawing": ("show", "table", "output"),
        "web": ("input", "show", "table", "output"),
        "commands": (
            "input",
            "show",
            "table",
            "sums",
            "drawing",
            "service",
            "session",
            "web",
            "output",
        ),
    },
    "collector": {
        "decoding": (),
        "running": ("decoding",),
        "own_process": (),
        "rules": (),
        "succession": (),
    },
    "livereplay": {"planning": (), "tape": ("planning",), "sandbox": ("tape",)},
    "bpf": {"loading": (), "rings": ()},
}

FILES_MAX, LINES_MAX = 14, 250  # Python files in a folder, lines of a file
CONFINED = {
    "sqlalchemy": ("store", "migrations"),
    "alembic": ("store", "migrations"),
    "typer": ("cli",),
    "rich": ("cli",),
    "starlette": ("cli/web",),
    "uvicorn": ("cli/web",),
    "jinja2": ("cli/web",),
    "psycopg": ("store/central",),
    "perfetto": ("store/export/perfetto",),
}


def sources() -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield folder, path


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Full names, those under TYPE_CHECKING and within functions included."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively, which hides where from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def by_folder(name: str) -> str:
    """`execdb.history` is `execdb.api.history`; `execdb.store.event` is what it says."""
    first, _, rest = name.removeprefix("execdb.").partition(".")
    return name if first in FOLDERS else f"execdb.api.{first}.{rest}".rstrip(".")


@pytest.mark.parametrize(
    ("folder", "path"), list(sources()), ids=lambda value: str(value).removeprefix(f"{ROOT}/")
)
def test_imports_go_one_way(folder: str, path: Path) -> None:
    allowed = ALLOWED.get(str(path.relative_to(ROOT)), ALLOWED[folder])
    ours = [by_folder(name) for name in imports_of(path) if within(name, ("execdb",))]
    assert [name for name in ours if not within(name, allowed)] == []


@pytest.mark.parametrize(
    ("folder", "room"), [(folder, room) for folder, rooms in ROOMS.items() for room in rooms]
)
def test_rooms_import_one_way(folder: str, room: str) -> None:
    others = {f"execdb.{folder}.{other}" for other in ROOMS[folder] if other != room}
    allowed = {f"execdb.{folder}.{other}" for other in ROOMS[folder][room]}
    used = {
        (path.name, other)
        for path in (ROOT / folder / room).rglob("*.py")
        for name in imports_of(path)
        for other in others
        if within(name, (other,))
    }
    assert {(path, other) for path, other in used if other not in allowed} == set()


def test_every_room_has_rules() -> None:
    rooms = {
        folder: {init.parent.name for init in (ROOT / folder).glob("*/__init__.py")}
        for folder in ROOMS
    }
    assert rooms == {folder: set(rules) for folder, rules in ROOMS.items()}


@pytest.mark.parametrize("folder", [*FOLDERS, "docs", "tests"])
def test_folders_and_files_stay_small(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".c", ".h")]
    lengths = {str(path): len(path.read_text().splitlines()) for path in files}
    assert {path: lines for path, lines in lengths.items() if lines > LINES_MAX} == {}
    in_folder = Counter(path.parent for path in files if path.suffix == ".py")
    assert {room: count for room, count in in_folder.items() if count > FILES_MAX} == {}


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {
        "execdb" if folder == "api" else f"execdb.{'.'.join(init.parent.relative_to(ROOT).parts)}"
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert {*project["tool"]["setuptools"]["packages"]} == packages


@pytest.mark.parametrize("package", CONFINED)
def test_a_package_stays_in_its_folder(package: str) -> None:
    users = {
        path.relative_to(ROOT)
        for _, path in sources()
        for name in imports_of(path)
        if within(name, (package,))
    }
    assert users
    allowed = CONFINED[package]
    assert {path for path in users if not any(map(path.is_relative_to, allowed))} == set()


def test_one_file_imports_bcc() -> None:
    users = [path for _, path in sources() if any(within(n, ("bcc",)) for n in imports_of(path))]
    assert len(set(users)) == 1
