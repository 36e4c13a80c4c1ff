"""Limits of a process of its own, lowered from outside."""

import os
import resource
import signal
from collections.abc import Callable

from execdb.collector.own_process.process_limits import ProcessLimits

FILES = resource.RLIMIT_NOFILE


def in_a_child(work: Callable[[], None]) -> None:
    """Limits are a process's own, and some cannot be raised again."""
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(65_534, 65_534, 65_534) if os.geteuid() == 0 else None
            work()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_soft_limit_is_put_back_and_told_once() -> None:
    def work() -> None:
        resource.setrlimit(FILES, (509, 521))
        told: list[str] = []
        limits = ProcessLimits(told.append)
        limits.look(0.0)
        resource.setrlimit(FILES, (101, 521))
        limits.look(0.5)  # not yet
        assert told == []
        limits.look(1.5)
        assert resource.getrlimit(FILES) == (509, 521)
        limits.look(3.0)
        assert told == [
            "something else lowered this collector's limit of open files (RLIMIT_NOFILE) to 101; "
            "restored"
        ]

    in_a_child(work)


def test_a_hard_limit_cannot_be_put_back() -> None:
    def work() -> None:
        resource.setrlimit(FILES, (509, 521))
        told: list[str] = []
        limits = ProcessLimits(told.append)
        resource.setrlimit(FILES, (97, 103))
        limits.look(0.0)
        assert resource.getrlimit(FILES) == (103, 103)
        limits.look(2.0)
        (warning,) = told
        assert "to 97, and it cannot be raised again" in warning

    in_a_child(work)


def test_what_is_raised_or_does_not_matter_is_nobodys_business() -> None:
    def work() -> None:
        resource.setrlimit(FILES, (101, 521))
        told: list[str] = []
        limits = ProcessLimits(told.append)
        resource.setrlimit(FILES, (103, 509))
        limits.look(0.0)
        assert (resource.getrlimit(FILES), told) == ((103, 509), [])

    in_a_child(work)


def test_exceeding_the_cpu_time_or_a_file_size_ends_nothing() -> None:
    def work() -> None:
        ProcessLimits(print)
        os.kill(os.getpid(), signal.SIGXCPU)
        os.kill(os.getpid(), signal.SIGXFSZ)

    in_a_child(work)
