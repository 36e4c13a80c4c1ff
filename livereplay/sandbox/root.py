"""A root file system in memory that holds nothing but stubs."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from execdb.livereplay.paths import CGROUPS, Paths
from execdb.livereplay.sandbox import linux

_FILE_BYTES = 4_096  # of a file in a tmpfs, at least
_LONG = 4_000  # bytes of a path, from which on it is entered step by step
_NOT_A_PROGRAM = b"text\n"


def make_root(machine: str, stub: bytes, paths: Paths, cgroups: Path | None) -> None:
    """Makes it, enters it, leaves the old one behind, and makes it read-only. In a mount namespace
    of its own. Below `cgroups` are the control groups that stubs join."""
    linux.mount(b"none", b"/", b"", linux.MS_REC | linux.MS_PRIVATE)
    files = len(paths.programs) + len(paths.denied) + len(paths.texts)
    inodes = 2 * (files + len(paths.folders)) + 4_096
    size = b"mode=0755,nr_inodes=%d,size=%d" % (inodes, _FILE_BYTES * inodes)
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount(b"execdb-replay", b"/tmp", b"tmpfs", flags, size)
    os.chdir("/tmp")
    os.mkdir(".old")
    linux.pivot_root(machine, b".", b".old")
    os.chdir("/")
    os.umask(0o022)
    if cgroups is not None:
        os.makedirs(CGROUPS)
        linux.mount(b"/.old" + os.fsencode(cgroups), CGROUPS, b"", linux.MS_BIND)
    linux.detach(b"/.old")
    os.rmdir("/.old")
    _fill(stub, paths)
    os.chdir("/")
    linux.mount(b"", b"/", b"", flags | linux.MS_REMOUNT | linux.MS_RDONLY)


def _fill(stub: bytes, paths: Paths) -> None:
    for folder in sorted(paths.folders, key=lambda folder: folder.count(b"/")):
        if folder:
            _at(folder, lambda path: os.mkdir(path, 0o755))
    for name, line in paths.programs.items():
        if name in paths.links:
            _at(name, lambda path, to=paths.links[name]: os.symlink(b"/" + to, path))  # type: ignore[misc]
        elif name not in paths.folders:
            content = stub if line is None else line
            _at(name, lambda path, content=content: _write(path, content, 0o755))  # type: ignore[misc]
    for name in paths.denied:
        _at(name, lambda path: _write(path, _NOT_A_PROGRAM, 0o644))
    for name in paths.texts - paths.denied:
        _at(name, lambda path: _write(path, _NOT_A_PROGRAM, 0o755))


def _write(path: bytes, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _at(name: bytes, make: Callable[[bytes], object]) -> None:
    """Makes something with a path of any length, unless it is there."""
    path = b"/" + name
    with contextlib.suppress(FileExistsError):
        if len(path) < _LONG:
            make(path)
            return
        os.chdir("/")
        *folders, last = name.split(b"/")
        for folder in folders:
            os.chdir(folder)
        make(last)
