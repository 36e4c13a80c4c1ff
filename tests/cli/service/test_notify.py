"""What the service manager is told: a real socket stands for it."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from execdb.cli.service.running.notify import ServiceManager, service_manager


@pytest.fixture
def manager_socket(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def manager(listening: socket.socket, watchdog_s: float | None = None) -> closing[ServiceManager]:
    return closing(ServiceManager(listening.getsockname(), watchdog_s))


def heard(listening: socket.socket) -> str:
    return listening.recv(4096).decode()


def nothing_heard(listening: socket.socket) -> bool:
    listening.setblocking(False)
    try:
        listening.recv(4096)
    except BlockingIOError:
        return True
    finally:
        listening.settimeout(5)
    return False


def test_it_says_ready_alive_and_stopping(manager_socket: socket.socket) -> None:
    told = ServiceManager(manager_socket.getsockname(), watchdog_s=20)
    told.ready("nothing yet")
    assert heard(manager_socket) == "READY=1\nSTATUS=nothing yet"
    told.alive(1000.0, lambda: "23 execs recorded")
    assert heard(manager_socket) == "WATCHDOG=1\nSTATUS=23 execs recorded"
    told.stopping()
    assert heard(manager_socket).startswith("STOPPING=1\n")
    told.close()
    told.ready("closed")
    assert nothing_heard(manager_socket)


def test_a_sign_of_life_comes_four_times_in_the_watchdogs_time(
    manager_socket: socket.socket,
) -> None:
    signs = []
    with manager(manager_socket, 20) as told:
        for tenth in range(10_000, 10_410):  # 41 s, ten times a second
            told.alive(tenth / 10, lambda: "the same")
            if not nothing_heard(manager_socket):
                signs.append(tenth / 10)
    assert signs == [1000 + 5 * number for number in range(9)]


def test_the_status_is_sent_when_it_changes_and_asked_for_rarely(
    manager_socket: socket.socket,
) -> None:
    numbers = map(str, count(1))
    with manager(manager_socket) as told:
        for tenth in range(10_000, 10_100):  # 10 s
            told.alive(tenth / 10, lambda: next(numbers))
    assert [heard(manager_socket), heard(manager_socket)] == ["STATUS=1", "STATUS=2"]
    assert nothing_heard(manager_socket)


def test_a_manager_that_does_not_read_holds_up_nothing(manager_socket: socket.socket) -> None:
    with manager(manager_socket) as told:
        for number in range(10_007):  # more than its queue takes
            told.ready(str(number))


def test_the_environment_says_who_it_is_and_children_are_not_told(
    manager_socket: socket.socket,
) -> None:
    environment = {
        "NOTIFY_SOCKET": manager_socket.getsockname(),
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    with closing(service_manager(environment)) as told:
        told.alive(1000.0, lambda: "")
    assert environment == {"HOME": "/"}
    assert heard(manager_socket) == "WATCHDOG=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "/nowhere/notify"},
        {"NOTIFY_SOCKET": ""},
        {"WATCHDOG_USEC": "x", "WATCHDOG_PID": "1"},
    ],
)
def test_without_one_nothing_happens(environment: dict[str, str]) -> None:
    told = service_manager(environment)
    assert not told.is_there
    told.ready("")
    told.alive(1.0, lambda: pytest.fail("nobody wants to know"))
    told.stopping()


def test_the_watchdog_of_another_process_is_not_fed(manager_socket: socket.socket) -> None:
    environment = {
        "NOTIFY_SOCKET": manager_socket.getsockname(),
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": str(os.getppid()),
    }
    with closing(service_manager(environment)) as told:
        told.alive(1000.0, lambda: "23")
    assert heard(manager_socket) == "STATUS=23"


def test_an_abstract_address() -> None:
    name = f"execdb-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        with closing(ServiceManager(f"@{name}", None)) as told:
            told.ready("x")
        assert heard(listening) == "READY=1\nSTATUS=x"
