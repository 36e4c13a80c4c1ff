"""What `execdb --version` prints: the versions of execdb and of what it needs."""

import os
import subprocess
import sys
from collections.abc import Iterator

from execdb import __version__

_TIMEOUT_S = 10
# Run by the Python that may have BCC. Importing BCC would load LLVM; its version is in a file.
_ASK_BCC = """
import importlib.util
import pathlib
spec = importlib.util.find_spec("bcc")
folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
if (folder / "libbcc.py").exists():  # PyPI has another bcc
    exec((folder / "version.py").read_text())
    print(__version__)
"""


def versions() -> Iterator[str]:
    """A line each: `execdb 0.1.0` first, then Python, SQLite, the kernel and BCC."""
    import platform
    import sqlite3

    yield f"execdb {__version__}"
    yield f"Python {platform.python_version()}"
    yield f"SQLite {sqlite3.sqlite_version}"
    yield f"kernel {os.uname().release}"
    yield f"BCC {_bcc() or 'not found'}"


def _bcc() -> str | None:
    """As when recording starts, the distribution's Python is asked first."""
    for interpreter in ("/usr/bin/python3", sys.executable):
        try:
            asked = subprocess.run(
                [interpreter, "-I", "-c", _ASK_BCC],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    return None
