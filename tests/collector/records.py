"""Records made by hand: the only place in these tests that knows the layout of bpf/c/execdb.h."""

from collections.abc import Iterable
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
    caller: bytes = b"",
    tty: bytes = b"",
    where: bytes = b"",
    exe: bytes = b"",
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
        "caller": caller,
        "tty": tty,
        "kind": wire.KIND_EXEC,
        "loginuid": wire.UNSET,
        "sessionid": wire.UNSET,
        "where_len": len(where) + len(exe),
        "exe_len": len(exe),
        "replaced_cpu_ns": wire.CPU_UNKNOWN,
        "ns_pid": pid,
        **fields,
    }
    head = wire.EXEC.pack(*(values[name] for name in wire.LAYOUT))
    return head + filename + b"\0" + args + where + exe + padding


def sample(raw: bytes) -> bytes:
    """The record as it stands in a ring."""
    size = wire.RING_HEAD.size + len(raw)
    return wire.RING_HEAD.pack(wire.SAMPLE, 0, size, len(raw)) + raw


def ring(raws: Iterable[bytes]) -> list[bytes]:
    """What a drain finds, in one chunk."""
    return [b"".join(map(sample, raws))]


def end(
    image: tuple[int, int],
    *,
    boot_ns: int,
    status: int = 0,
    max_rss_kb: int = 0,
    cpu_ns: int = wire.CPU_UNKNOWN,
    padding: bytes = b"",
) -> bytes:
    """What the kernel's program submits when an image ends with its process."""
    return wire.END.pack(boot_ns, *image, wire.KIND_END, status, max_rss_kb, cpu_ns) + padding
