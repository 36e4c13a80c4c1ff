"""Other users of the machine, who run the command as well."""

import os
import subprocess
import sys
from tempfile import TemporaryFile

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
    have run the same before, on another database: the user may not be able to read the program."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            try:
                code = _become_and_run(uid, gid, (out.fileno(), err.fileno()), arguments)
            except BaseException as error:
                print(f"unexpected: {error!r}", file=sys.stderr, flush=True)
                code = 99
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = (os.pread(file.fileno(), 1 << 20, 0).decode() for file in (out, err))
        return Answer(code, *texts)


def _become_and_run(uid: int, gid: int, fds: tuple[int, int], arguments: tuple[object, ...]) -> int:
    for place, fd in enumerate(fds, 1):
        os.dup2(fd, place)
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", closefd=False) for fd in (1, 2))
    os.setgroups(())
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    code = main.run([str(argument) for argument in arguments])
    sys.stdout.flush()
    sys.stderr.flush()
    return code
