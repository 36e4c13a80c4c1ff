"""Numbers of things in sentences."""


def counted(number: int, one: str, several: str = "") -> str:
    """`1 exec`, `23 execs`; `several` is needed where it is not `one` with an s."""
    return f"{number} {one if number == 1 else several or one + 's'}"
