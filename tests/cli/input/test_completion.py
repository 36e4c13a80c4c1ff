"""What real shells complete."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.conftest import EXECDB, an_exec, recorded

Complete = Callable[..., list[str]]
COMMS = ("gcc", "true", "$(reboot)", "tr*", "t;x", "-t", "tr\udcff", "g++")
BASH = """
eval "$(_EXECDB_COMPLETE=source_bash execdb)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_execdb_completion execdb
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environment(db: Path) -> dict[str, str]:
    with open_database(db) as database:
        recorded(database, [an_exec(n, comm=comm) for n, comm in enumerate(COMMS)])
    return {**os.environ, "PATH": f"{EXECDB.parent}:{os.environ['PATH']}"}


@pytest.fixture
def bash(environment: dict[str, str]) -> Complete:
    """Words as bash splits them: `=` is one of its own."""

    def complete(*words: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", BASH, "bash", "execdb", *words],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.split()

    return complete


def test_bash_completes_commands_and_options(bash: Complete) -> None:
    assert bash("qu") == ["query"]
    assert bash("config", "lis") == ["list"]
    assert "--format" in bash("query", "--fo")
    assert bash("query", "--format", "nd") == ["ndjson"]


def test_bash_completes_terms(bash: Complete) -> None:
    assert bash("query", "exit_c") == ["exit_code="]
    assert bash("query", "comm", "=", "g") == ["g++", "gcc"]
    assert bash("query", "comm", "=", "gcc,t") == ["gcc,true"]
    assert bash("query", "comm!", "=", "t") == ["true"]
    assert bash("query", "uid", "=", "roo") == ["root"]
    assert bash("query", "signal", "=", "KI") == ["KILL"]
    assert bash("query", "errno", "=", "ENOE") == ["ENOENT", "ENOEXEC"]
    assert bash("query", "truncated", "=", "t") == ["true"]
    assert bash("stats", "--by", "comm,exit_c") == ["comm,exit_code"]


@pytest.mark.parametrize("command", ["stats", "timeline", "new"])
def test_bash_completes_what_each_option_takes(bash: Complete, command: str) -> None:
    assert bash(command, "--by", "du") == []
    assert bash("query", "--columns", "id,us") == ["id,user", "id,user_ns"]
    assert bash("query", "--sort", "comm") == ["comm"]
    assert bash("query", "--uid", "roo") == ["root"]
    assert bash("config", "ignore", "c") == ["cgroup=", "comm="]
    assert bash("config", "try", "comm", "=", "gc") == ["gcc"]


def test_names_that_a_shell_would_run_are_not_offered(bash: Complete) -> None:
    assert sorted(bash("query", "comm", "=", "")) == ["g++", "gcc", "true"]


def test_a_database_that_cannot_be_read_offers_nothing(bash: Complete, db: Path) -> None:
    db.write_bytes(b"no database")
    assert bash("query", "comm", "=", "g") == []


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_fish(environment: dict[str, str]) -> None:
    script = "eval (env _EXECDB_COMPLETE=source_fish execdb); complete -C 'execdb query comm=t'"
    done = subprocess.run(
        ["fish", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["comm=true"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh(environment: dict[str, str]) -> None:
    """`_arguments` is only known while zsh completes: what it is called with is looked at."""
    script = """
    compdef() { :; }; eval "$(_EXECDB_COMPLETE=source_zsh execdb)"
    _arguments() { print -r -- "$@" }
    words=(execdb query comm=t); CURRENT=3; _execdb_completion
    """
    done = subprocess.run(
        ["zsh", "-f", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == '*: :(("comm=true"))'
