"""A test that starts what does not end fails, says what, and leaves nothing behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_TESTS = """
import subprocess
from tests.processes.leftovers import nothing_is_left
from tests.processes.process import Process

def test_process():
    Process(["sleep", "20011"])

def test_process_beyond_its_with():
    with Process(["sleep", "20021"]):
        pass

def test_process_of_a_failure():
    with Process(["sleep", "20023"]):
        raise ValueError

def test_mount(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "x", tmp_path], check=True)
"""
_SAID = [
    r"AssertionError: the test left process \d+: sleep 20011",
    r"AssertionError: did not end in 0 s, killed: \['sleep', '20021'\]",
    r"still running, now killed: \['sleep', '20023'\]",
]
_SAID_AS_ROOT = r"AssertionError: the test left mount \S+/test_mount0"


def test_what_a_test_leaves_fails_it_and_is_ended(tmp_path: Path) -> None:
    test, folder = tmp_path / "test_it.py", tmp_path / "folder"
    test.write_text(_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", test,
         "--rootdir", tmp_path, "--basetemp", folder],
        capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(_ROOT), "EXECDB_TEST_PATIENCE_S": "0.1"},
    )  # fmt: skip
    for said in [*_SAID, *[_SAID_AS_ROOT] * (os.geteuid() == 0)]:
        assert re.search(rf"^E +{said}$", done.stdout, re.MULTILINE), done.stdout
    assert str(folder) not in Path("/proc/self/mounts").read_text()
    lines = subprocess.run(["ps", "-Ao", "args"], capture_output=True, text=True).stdout
    assert not re.search(r"^sleep 20(011|021|023)$", lines, re.MULTILINE)
