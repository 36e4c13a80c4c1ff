"""The keys of an event: what is stored and shown of each program image.

Plain data. Text is str throughout; bytes that are not UTF-8 are kept as surrogate escapes
(PEP 383).
"""

from typing import Annotated, NamedTuple

from execdb.store.kinds import Group, Kind
from execdb.store.times import rfc3339


class Event(NamedTuple):
    """One row of the history, with the names and the order of the view `execs`.

    This is the only description of the keys of an event: type, kind, group and meaning. Output,
    import, reading and docs/schema.md follow from it, by way of store/fields.py.
    """

    id: Annotated[
        int, Kind.ROW, Group.ROW, "number of the row in this file; an import may change it"
    ]
    run_id: Annotated[
        int, Kind.ROW, Group.ROW, "run of the collector that recorded it; an import changes it"
    ]
    time_ns: Annotated[int, Kind.TIME, Group.ROW, "wall-clock time of the exec"]
    boot_ns: Annotated[
        int,
        Kind.INT64,
        Group.ROW,
        "`CLOCK_BOOTTIME` of the exec; the order of events and durations use it",
    ]
    boot_id: Annotated[str, Kind.TEXT, Group.BOOT, "id of the boot"]
    host: Annotated[str, Kind.TEXT, Group.BOOT, "name of the machine"]
    pid: Annotated[int, Kind.INT32, Group.ROW, "process id, in the initial PID namespace"]
    ppid: Annotated[
        int,
        Kind.INT32,
        Group.ROW,
        "process id of its parent at the exec, in the initial PID namespace",
    ]
    ns_pid: Annotated[
        int, Kind.INT32, Group.ROW, "process id in its own PID namespace; equals `pid` in the first"
    ]
    uid: Annotated[int, Kind.UID, Group.ORIGIN, "real user"]
    euid: Annotated[int, Kind.UID, Group.ORIGIN, "effective user, after the exec"]
    gid: Annotated[int, Kind.INT32, Group.ORIGIN, "real group"]
    loginuid: Annotated[
        int | None,
        Kind.UID,
        Group.ORIGIN,
        "user who logged in, kept through `sudo` and `su`; null if unset or without audit",
    ]
    sessionid: Annotated[int | None, Kind.INT32, Group.ORIGIN, "audit session; null likewise"]
    tty: Annotated[str | None, Kind.TEXT, Group.ORIGIN, "controlling terminal"]
    comm: Annotated[str, Kind.TEXT, Group.COMMAND, "task name of the new image, at most 15 bytes"]
    filename: Annotated[
        str, Kind.TEXT, Group.COMMAND, "path as given to the kernel; of a `#!` script the script"
    ]
    argv: Annotated[
        tuple[str, ...],
        Kind.TEXTS,
        Group.COMMAND,
        "every argument, as a JSON array; of a `#!` script the interpreter's",
    ]
    argc: Annotated[
        int, Kind.INT32, Group.COMMAND, "true number of arguments, even if `argv` was cut"
    ]
    truncated: Annotated[
        bool,
        Kind.BOOL,
        Group.COMMAND,
        "1 if `argv` (or `filename`, which then starts with `/...`) was cut or could not be read"
        " when it was recorded, or was cut by `--max-size` since, else 0; `true` or `false` in"
        " JSON",
    ]
    exe: Annotated[
        str | None,
        Kind.TEXT,
        Group.COMMAND,
        "path of the file that really runs, as the kernel resolved it: symbolic links followed; of"
        " a `#!` script the interpreter's; `memfd:NAME` of a memfd; null where it is not known",
    ]
    exe_device: Annotated[
        str | None,
        Kind.TEXT,
        Group.COMMAND,
        "device of that file's file system, `MAJOR:MINOR`; no bind mount or mount namespace can"
        " forge it",
    ]
    exe_inode: Annotated[
        int | None, Kind.INT64, Group.COMMAND, "inode number of that file on `exe_device`"
    ]
    exe_deleted: Annotated[
        bool,
        Kind.BOOL,
        Group.COMMAND,
        "1 if that file had no name any more (unlinked, or a memfd), else 0; `true` or `false` in"
        " JSON",
    ]
    cwd: Annotated[
        str | None,
        Kind.TEXT,
        Group.ORIGIN,
        "current directory, from the root of the mount namespace; starts with `/...` where not all"
        " of it could be followed or kept",
    ]
    cgroup: Annotated[
        str | None, Kind.TEXT, Group.ORIGIN, "control group, version 2; starts with `/...` likewise"
    ]
    message: Annotated[
        str, Kind.TEXT, Group.ORIGIN, "message of the config for the uid, or the default one"
    ]
    config_generation: Annotated[
        int,
        Kind.GENERATION,
        Group.ORIGIN,
        "generation of the config that was in the kernel; 0 if it is not known (of imported events:"
        " that of the machine that recorded them)",
    ]
    cwd_deleted: Annotated[
        bool,
        Kind.BOOL,
        Group.ORIGIN,
        "1 if the current directory had been removed, else 0; `true` or `false` in JSON",
    ]
    container: Annotated[
        str | None,
        Kind.TEXT,
        Group.ORIGIN,
        "id of the container, or its name where there is no id, read from `cgroup` (docker, podman,"
        " containerd, CRI-O, LXC, systemd-nspawn)",
    ]
    pid_ns: Annotated[
        int | None,
        Kind.INT32,
        Group.ORIGIN,
        "inode number of the PID namespace (namespaces(7)); null: that of the machine's first"
        " process",
    ]
    mnt_ns: Annotated[int | None, Kind.INT32, Group.ORIGIN, "of the mount namespace; null likewise"]
    user_ns: Annotated[int | None, Kind.INT32, Group.ORIGIN, "of the user namespace; null likewise"]
    errno: Annotated[
        str | None,
        Kind.ERRNO,
        Group.OUTCOME,
        "null for a success; `ENOENT`, `EACCES` and so on for a failed attempt",
    ]
    caller: Annotated[
        str | None,
        Kind.TEXT,
        Group.OUTCOME,
        "task name of the caller at the execve call; only with `--attempts`",
    ]
    ended: Annotated[
        str | None,
        Kind.ENDING,
        Group.OUTCOME,
        "`exit`, `signal`, or `exec` where another exec of the process took its place; null while"
        " it runs or if unknown",
    ]
    exit_code: Annotated[
        int | None, Kind.EXIT_CODE, Group.OUTCOME, "exit code, where `ended` is `exit`"
    ]
    signal: Annotated[
        int | None, Kind.SIGNAL, Group.OUTCOME, "number of the signal, where `ended` is `signal`"
    ]
    duration_ns: Annotated[int | None, Kind.DURATION, Group.ROW, "time from the exec to the end"]
    cpu_ns: Annotated[
        int | None,
        Kind.DURATION,
        Group.ROW,
        "CPU time that the image used, user and system, in all threads; null while it runs and for"
        " images that began before the recording",
    ]
    max_rss_kb: Annotated[
        int | None,
        Kind.INT64,
        Group.ROW,
        "peak resident size of the process until the end of the image, in KiB; null likewise",
    ]
    parent_id: Annotated[
        int | None,
        Kind.ROW,
        Group.ROW,
        "`id` of the image that started this one, in `execs` or `seen`, unless it was removed"
        " since; null if unknown",
    ]

    @property
    def time(self) -> str:
        """`time_ns` as RFC 3339, in UTC."""
        return rfc3339(self.time_ns)
