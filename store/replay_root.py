"""How a history recognises what a live replay by root has started."""

import re

ROOT_PROGRAM = "/.execdb-replay/execdb-replay"  # the program above all others
REPLAY_CGROUP = "/execdb-replay-"  # and a number
RECORDED_CGROUPS = "/in"  # below that, and below this the recorded path

_IN_A_REPLAY = re.compile(f"{REPLAY_CGROUP}[0-9]+({RECORDED_CGROUPS}(/[^\udc80-\udcff]*)?)?")


def is_replayed(cgroup: str | None) -> bool:
    """By the control group. Only root of the machine itself can make one directly below the
    hierarchy's root; a container, or a user's session, is below a group of its own. So nobody else
    can hide programs by giving them the names of a replay."""
    return cgroup is not None and _IN_A_REPLAY.fullmatch(cgroup) is not None
