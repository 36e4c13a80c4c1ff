"""What a stub needs of a recorded exec, made safe: its path, directory and arguments."""

import os
from typing import Protocol

HIDDEN = b"/.execdb-replay"  # the folder of what is no recorded path
ROOT_PROGRAM = HIDDEN + b"/execdb-replay"
_ARGC_MAX, _ARGUMENT_MAX = 100_000, 131_000
_ARGUMENTS_MAX = 4_000_000  # bytes together, with 8 for each
CUT_BYTES = 49_152  # of argv; a recorder keeps no more
_DESCRIPTOR_MAX = 62
_DEPTH_MAX = 1_000  # folders
_NAME_MAX = 249  # bytes, of memfd_create(2)
MEMFD = b"memfd:"


class Program(Protocol):
    """What is needed of an event."""

    filename: str
    comm: str
    argv: tuple[str, ...]
    argc: int
    truncated: bool
    cwd: str | None
    exe: str | None
    cgroup: str | None


def raw(text: str) -> bytes:
    """Recorded text as the original bytes. What no recording could contain (in a forged file)
    becomes `?`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def resolve(cwd: bytes, path: bytes) -> bytes:
    """The absolute path without its first slash, in a file system without links."""
    names: list[bytes] = []
    for name in (path if path.startswith(b"/") else cwd + b"/" + path).split(b"/"):
        if name == b"..":
            del names[-1:]
        elif name not in (b"", b"."):
            names.append(name)
    return b"/".join(names)


def cwd_of(row: Program) -> bytes:
    """The folder; the root if the recorded one cannot be made."""
    cwd = raw(row.cwd) if row.cwd else b"/"
    names = cwd.split(b"/")
    if b"\0" in cwd or len(names) > _DEPTH_MAX or max(map(len, names)) > 255:
        return b"/"
    return cwd if cwd.startswith(b"/") else b"/" + cwd


def script_line(row: Program) -> tuple[bytes, int] | None:
    """Of a `#!` script: a first line with which the kernel starts the recorded interpreter, and how
    many arguments come from it. None for other programs. execve(2), "Interpreter scripts"."""
    argv, name = [raw(a) for a in row.argv[:3]], raw(row.filename)
    if not argv or not argv[0].startswith(b"/") or argv[0].endswith(b"/"):
        return None
    for count in (1, 2):
        if len(argv) > count and argv[count] == name:
            line = b"#!" + b" ".join(argv[:count]) + b"\n"
            one_word = argv[0].split() == [argv[0]]
            plain = one_word and (count == 1 or argv[1].strip() == argv[1] != b"")
            if len(line) < 200 and plain and b"\n" not in line[:-1] and b"\0" not in line:
                return line, count
    return None


def unnamed_file(row: Program) -> tuple[int, bytes] | None:
    """Of a program that was started from a descriptor alone: its number, and the name."""
    head, _, number = row.filename.rpartition("/")
    if head != "/dev/fd" or not (number.isascii() and number.isdecimal() and len(number) < 4):
        return None
    name, exe = raw(row.comm), raw(row.exe or "")
    if exe.startswith(MEMFD) and exe.startswith(name) and len(exe) < _NAME_MAX:
        name = exe  # all of it
    usable = 3 <= int(number) <= _DESCRIPTOR_MAX and b"\0" not in name
    return (int(number), name) if usable and row.comm != number else None


def unnamed_path(comm: bytes) -> bytes:
    """Where a file is that is started by its descriptor alone, if `exe` does not say where."""
    return HIDDEN + b"/fd/" + comm.replace(b"/", b"_")


def exe_of(row: Program) -> bytes | None:
    """The recorded path of the file that really ran, without its first slash. None if it is not
    known, or was no file with a path."""
    exe = raw(row.exe) if row.exe else b""
    if not exe.startswith(b"/") or len(exe) > 4_000 or unusable(b"/", exe):
        return None
    return resolve(b"/", exe)


def unusable(cwd: bytes, name: bytes) -> str | None:
    """Why nothing can be started by that name from there, whatever exists; None if it can."""
    long = (
        len(name) > 4_000
        or name.count(b"/") > _DEPTH_MAX
        or any(len(part) > 255 for part in name.split(b"/"))
    )
    if b"\0" in name or long:
        return "a path that no system takes"
    if not name or name.endswith((b"/", b"/.", b"/..")) or name in (b".", b".."):
        return "a path that names no file"
    if (resolve(cwd, name) + b"/").startswith(HIDDEN[1:] + b"/"):
        return "a path that live replay keeps for itself"
    return None


def arguments_of(row: Program) -> tuple[list[bytes], str | None]:
    """The arguments for the stub, and why they are not exact (None if they are). Where arguments
    were truncated, filler is added, so that a recorder truncates them again."""
    argv = [raw(argument).replace(b"\0", b"?") for argument in row.argv]
    size = sum(map(len, argv)) + 9 * max(row.argc, len(argv))
    if any(len(a) > _ARGUMENT_MAX for a in argv) or max(row.argc, len(argv)) > _ARGC_MAX:
        return [a[:_ARGUMENT_MAX] for a in argv[:1]] or [b""], "more arguments than a program takes"
    if size > _ARGUMENTS_MAX:
        return argv[:1], "more arguments than a program takes"
    if row.truncated:
        more = row.argc - len(argv)
        missing = CUT_BYTES + 1 - sum(len(a) + 1 for a in argv) - more
        filler = b"." * max(1, missing)
        if more > 0:
            argv += [b""] * (more - 1) + [filler]
        elif argv:
            argv[-1] += filler
    return argv or [b""], None


def comm_of(name: bytes) -> bytes:
    """The task name that the kernel makes of a path."""
    return os.path.basename(name)[:15]
