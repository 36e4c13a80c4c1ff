"""Records made by hand: the only place in these tests that knows the layout of bpf/execdb.h."""

from typing import Any

from execdb.bpf import wire


def record(
    *argv: bytes,
    boot_ns: int = 1,
    pid: int = 23,
    args: bytes | None = None,
    filename: bytes = b"/bin/true",
    comm: bytes = b"true",
    message: bytes = b"Hello World",
    padding: bytes = b"",
    **fields: int,
) -> bytes:
    """What the kernel's program submits for these arguments; `args` where it kept others."""
    if args is None:
        args = b"".join(argument + b"\0" for argument in argv)
    values: dict[str, Any] = dict.fromkeys(wire.LAYOUT, 0) | {
        "boot_ns": boot_ns,
        "pid": pid,
        "argc": len(argv),
        "filename_len": len(filename) + 1,
        "args_len": len(args),
        "comm": comm,
        "message": message,
        **fields,
    }
    for name in ("tty", "caller"):
        if name in values:
            values[name] = b""
    if "kind" in values:
        values["kind"] = wire.KIND_EXEC
    head = wire.EXEC.pack(*(values[name] for name in wire.LAYOUT))
    return head + filename + b"\0" + args + padding
