"""The namespaces of the machine's first process (namespaces(7))."""

from typing import NamedTuple

# Inode numbers of the namespaces that the machine starts with (include/linux/proc_ns.h).
FIRST = {
    "mnt": 0xEFFFFFF8,
    "time": 0xEFFFFFFA,
    "cgroup": 0xEFFFFFFB,
    "pid": 0xEFFFFFFC,
    "user": 0xEFFFFFFD,
}


class Namespaces(NamedTuple):
    """Inode numbers of the namespaces of the machine's first process."""

    pid: int
    mnt: int
    user: int

    def others(self, *numbers: int) -> tuple[int | None, ...]:
        """These inode numbers, of the same kinds, with None for those that are here. A number 0,
        which no namespace has, is not known."""
        return tuple(
            [
                None if number in (0, own) else number
                for number, own in zip(numbers, self, strict=True)
            ]
        )


FIRST_NAMESPACES = Namespaces(FIRST["pid"], FIRST["mnt"], FIRST["user"])
