"""Runs tests that failed beside others once more, by themselves.

    python -m tests.running.again [OPTIONS]

The tests of several workers, other recorders and other programs share one kernel and its CPUs. A
test that fails there and passes by itself met one of them: its name is printed, and it deserves a
look. What is wrong fails twice. If more than a few failed it is not the others, and nothing runs
again.
"""

import json
import subprocess
import sys
from pathlib import Path

_MOST = 5
_FAILED = Path(".pytest_cache/v/cache/lastfailed")  # pytest's own list, emptied by --cache-clear


def main(options: list[str]) -> int:
    """Exit code of pytest; 1 if too many failed, or if pytest lists none."""
    failed = list(json.loads(_FAILED.read_text())) if _FAILED.exists() else []
    if not 0 < len(failed) <= _MOST:
        return 1
    print("\nonce more, while nothing else runs:", *failed, sep="\n  ", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *options, *failed]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
