"""Restarts the service without a gap.

systemd stops a service before it starts it again. So a second unit, a copy of the first one, takes
over from it; then the first one starts again, and takes over from the second, which ends by itself.
"""

import contextlib
import time
from collections.abc import Callable

from execdb.cli.service import places, systemd
from execdb.store.errors import ExecdbError

Say = Callable[[str], None]

_TEXT = f"""
[Unit]
Description=execdb, while {places.UNIT} is started again
# Whatever becomes of this one, the other one records.
OnSuccess={places.UNIT}
OnFailure={places.UNIT}

[Service]
Restart=no
"""
_ENDS_S = 60.0  # as long as a collector that takes over waits for the other one
_LOOK_S = 0.05


def restart(say: Say) -> None:
    """Raises ExecdbError; if the new collector did not start, the old one still records."""
    if _state(places.UNIT) != "active":  # if the second unit still records, it ends now
        restart_with_a_gap(say)
        return
    before = systemd.properties()["MainPID"]
    _take_over()
    _remove_handover()
    after = systemd.properties()["MainPID"]
    say(f"restarted without a gap: pid {after} has taken over from pid {before}")


def restart_with_a_gap(say: Say) -> None:
    """As `systemctl restart` does. Raises ExecdbError."""
    try:
        systemd.start(places.UNIT, "restart")
    except ExecdbError as error:
        raise ExecdbError(f"{places.UNIT} does not start: {error}") from error
    _remove_handover()
    say(f"restarted: pid {systemd.properties()['MainPID']} records")


def takes_over() -> bool:
    """Whether the unit can replace a collector that runs."""
    return "--take-over" in systemd.call("systemctl", "cat", places.UNIT)


def records_meanwhile() -> bool:
    """Whether the second unit records because the service does not."""
    return _state(places.HANDOVER_UNIT) == "active"


def _take_over() -> None:
    path = places.HANDOVER_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(systemd.call("systemctl", "cat", places.UNIT) + _TEXT)
    except OSError as error:
        raise ExecdbError(f"cannot write {path}: {error.strerror}") from error
    systemd.call("systemctl", "daemon-reload")
    _start(places.HANDOVER_UNIT, f"{places.UNIT} still records")
    _wait_for_end(places.UNIT)
    _start(places.UNIT, f"{places.HANDOVER_UNIT} records until it does")
    _wait_for_end(places.HANDOVER_UNIT)


def _start(unit: str, otherwise: str) -> None:
    """Returns once it records."""
    try:
        systemd.start(unit)
    except ExecdbError as error:
        if unit == places.HANDOVER_UNIT:
            _remove_handover()
        raise ExecdbError(f"the new collector does not start, and {otherwise}: {error}") from error


def _wait_for_end(unit: str) -> None:
    """For a collector that has been replaced: it has ended, and systemd is about to know."""
    until_s = time.monotonic() + _ENDS_S
    while _state(unit) in ("active", "deactivating"):
        if time.monotonic() > until_s:
            raise ExecdbError(
                f"{unit} was replaced, and does not end: systemctl kill -s KILL {unit}"
            )
        time.sleep(_LOOK_S)


def _remove_handover() -> None:
    """Unless it still records."""
    if not places.HANDOVER_FILE.exists() or records_meanwhile():
        return
    with contextlib.suppress(ExecdbError):  # it has not failed
        systemd.call("systemctl", "reset-failed", places.HANDOVER_UNIT)
    places.HANDOVER_FILE.unlink(missing_ok=True)
    systemd.call("systemctl", "daemon-reload")


def stop_handover() -> None:
    """Ends a second unit that still records. Raises ExecdbError."""
    if places.HANDOVER_FILE.exists():
        systemd.call("systemctl", "stop", places.HANDOVER_UNIT)
        _remove_handover()


def _state(unit: str) -> str:
    return systemd.properties(unit)["ActiveState"]
