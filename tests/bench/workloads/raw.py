"""Made-up events as the bytes in which the kernel's programs hand them over."""

import zlib

from execdb.store.event import End, Exec
from tests.collector.records import end, record


def raw_exec(event: Exec, *more: bytes | None) -> bytes:
    """An exec, with these arguments more."""
    parent_ns, parent_pid = event.parent or (0, 0)
    command = event.command
    arguments = [*map(str.encode, command.argv), *filter(None, more)]
    return record(
        *arguments,
        boot_ns=event.boot_ns, pid=event.pid, ppid=event.ppid, uid=event.creds.uid,
        parent_boot_ns=parent_ns, parent_pid=parent_pid, comm=command.comm.encode(),
        filename=command.filename.encode(), where=b"hello\0root\0\0\0",
        exe=command.comm.encode() + b"\0bin\0usr\0", exe_device=8 << 20 | 1,
        exe_inode=1 + zlib.crc32(command.comm.encode()),
    )  # fmt: skip


def raw_end(event: End) -> bytes:
    """An end."""
    return end(event.image, boot_ns=event.boot_ns, cpu_ns=1_000_003, max_rss_kb=2_003)
