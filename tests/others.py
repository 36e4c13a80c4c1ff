"""Other users of the machine, who run the command as well."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

import pytest

from execdb.cli import main
from tests.conftest import EXECDB, Answer

OTHER = 65_533
AS_OTHER = ("setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups")


def _can_run_it() -> bool:
    try:
        return not subprocess.run([*AS_OTHER, EXECDB, "--version"], capture_output=True).returncode
    except OSError:
        return False


# Where the folders of these tests are closed to others, no other user can start the command.
others_can_run_it = pytest.mark.skipif(
    os.geteuid() != 0 or not _can_run_it(), reason="needs root, and folders that others may read"
)


def run_as(uid: int, gid: int, *arguments: object) -> Answer:
    """The command, run by a user without any other group. In a fork of this process, which must
    have run the like before, on another database: the user may not be able to read the program."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        child = fork_as(uid, gid, (out.fileno(), err.fileno()), *arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = (os.pread(file.fileno(), 1 << 20, 0).decode() for file in (out, err))
        return Answer(code, *texts)


def fork_as(uid: int, gid: int, fds: tuple[int, int], *arguments: object) -> int:
    """Starts what `run_as` waits for, with these descriptors as output and errors; its pid."""
    load_program()

    def become_and_run() -> int:
        for place, fd in enumerate(fds, 1):
            os.dup2(fd, place)
        sys.stdout, sys.stderr = (os.fdopen(fd, "w", closefd=False) for fd in (1, 2))
        os.setgroups(())
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        return main.run([str(argument) for argument in arguments])

    child = os.fork()
    if child == 0:
        end_with(become_and_run)
    return child


def end_with(act: Callable[[], int]) -> NoReturn:
    """Ends this process, a fork of pytest, whatever happens: it must not go on with the tests."""
    code = 99
    try:
        code = act()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        print(f"unexpected: {error!r}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


@cache
def load_program() -> None:
    """Imports all that commands import when they need it."""
    packages = Path(main.__file__).parents[1]
    for room in ("bpf", "cli", "collector", "livereplay", "store"):
        for path in sorted((packages / room).rglob("*.py")):
            if path.stem != "__main__":
                parts = path.relative_to(packages).with_suffix("").parts
                importlib.import_module(".".join(("execdb", *parts)).removesuffix(".__init__"))
