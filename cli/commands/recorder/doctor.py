"""execdb doctor: checks whether recording works here, and says what to do if not."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.options.shared import Btf, btf_path
from execdb.cli.output.escape import escape

EXAMPLES = """
sudo execdb doctor
sudo execdb doctor --format json
"""


class Check(NamedTuple):
    """`fix` says what to do if not `ok`."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def doctor(
    context: typer.Context,
    btf: Btf = None,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Check whether recording works on this machine, and say how to fix what does not.

    Loads the BPF program without attaching it. Exits with 1 if recording would not work.
    """
    checks = list(examine(context.obj, btf_path(btf)))
    if format is ReportFormat.JSON:
        print(json.dumps([check._asdict() for check in checks]))
    else:
        for check in checks:
            verdict = "ok" if check.ok else f"NOT OK: {check.fix}"
            print(f"{check.name:<11} {escape(check.found)}: {escape(verdict)}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def examine(path: Path, btf: Path) -> Iterator[Check]:
    """Runs every check, also after one that failed."""
    checks: list[Callable[[], Check]] = [
        _kernel,
        _privileges,
        _namespaces,
        _lockdown,
        lambda: _btf(btf),
        _bcc,
        lambda: _program(btf),
        _rings,
        lambda: _database(path),
    ]
    for check in checks:
        yield check()


def _kernel() -> Check:
    from execdb.bpf.requirements import kernel_release

    release = os.uname().release
    return Check("kernel", kernel_release() >= (5, 8), release, "execdb needs Linux 5.8 or newer")


def _privileges() -> Check:
    from execdb.bpf.requirements import ALLOW_CALLS, may_load
    from execdb.bpf.syscall import forbidden

    found = f"uid {os.geteuid()}"
    if call := forbidden():
        return Check("privileges", False, f"{found}, {call}(2) is forbidden", ALLOW_CALLS)
    return Check("privileges", may_load(), found, "run as root, or with CAP_BPF and CAP_PERFMON")


def _namespaces() -> Check:
    """A difference that the collector corrects is no fault."""
    from execdb.collector.running import namespaces
    from execdb.store.errors import RecordingError

    own = [kind for kind in ("user", "pid", "time") if not namespaces.is_first(kind)]
    found = f"{' and '.join(own)} of its own" if own else "the machine's"
    try:
        namespaces.require()
        shift_ns = namespaces.boot_shift_ns()
    except RecordingError as error:
        return Check("namespaces", False, found, str(error))
    if namespaces.shows_other_pids():
        found += ", programs that ran before a start are not known"
    elif namespaces.hides_processes():
        found += ", /proc hides programs of other users that ran before a start (hidepid)"
    if shift_ns:
        found += f", boot time is {shift_ns / 1e9:+g} s off, which is corrected"
    return Check("namespaces", True, found)


def _lockdown() -> Check:
    from execdb.bpf.requirements import lockdown

    mode = lockdown()
    return Check("lockdown", mode != "confidentiality", mode, "boot with lockdown=integrity")


def _btf(path: Path) -> Check:
    """BTF, or the kernel headers that are used without it."""
    from execdb.bpf.errors import KernelError
    from execdb.bpf.loading.layout import FIX_LAYOUT, no_layout
    from execdb.bpf.offsets import read_btf
    from execdb.bpf.requirements import kernel_headers

    try:
        if read_btf(path):
            return Check("BTF", True, str(path))
    except KernelError as error:
        return Check("BTF", False, str(error), "name a copy of the kernel's BTF with --btf")
    headers = kernel_headers()
    if headers is None:
        return Check("BTF", False, no_layout(path), FIX_LAYOUT)
    return Check("BTF", True, f"none at {path}, kernel headers in {headers}")


def _bcc() -> Check:
    from execdb.bpf.loading.interpreters import find_bcc

    found = find_bcc()
    return Check("BCC", found.ok, found.found, found.fix)


def _program(btf: Path) -> Check:
    """Compiles and loads the program, without attaching it."""
    from execdb.bpf.errors import KernelError
    from execdb.bpf.loading.loader import load

    try:
        load(btf=btf).close()
    except KernelError as error:
        return Check("BPF", False, "the program does not load", str(error))
    return Check("BPF", True, "the program compiles and loads")


def _rings() -> Check:
    from execdb.bpf.requirements import LEAST_RING_PAGES, default_ring_pages, ring_pages_max

    most = ring_pages_max()
    limit = "any size" if most is None else f"up to {most} pages"
    found = f"{default_ring_pages()} pages for each CPU ({limit} can be had)"
    fix = "give CAP_IPC_LOCK, or raise kernel.perf_event_mlock_kb"
    return Check("rings", most is None or most >= LEAST_RING_PAGES, found, fix)


def _database(path: Path) -> Check:
    from execdb.store.errors import DatabaseError
    from execdb.store.file.database import open_database
    from execdb.store.ledger.missing_rows import missing_rows

    if not os.path.lexists(path):
        return _place_for(path)
    try:
        with open_database(path) as database:
            problem = database.check()
            with database.reading() as connection:
                missing = [] if problem else missing_rows(connection, all_segments=True)
    except DatabaseError as error:
        return Check("database", False, str(path), str(error))
    fix = f"{problem}: restore a copy, or save what can be read with sqlite3 FILE .dump"
    if missing:
        fix = f"{'; '.join(missing[:_SHOWN])}: someone removed them, or the file is damaged; "
        fix += "restore a copy"
    return Check("database", not (problem or missing), f"{path}", fix)


_SHOWN = 3  # missing rows


def _place_for(path: Path) -> Check:
    folder = path.parent if path.parent.exists() else path.parent.parent
    fix = f"make the folder {path.parent}, or name another file with --db"
    writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return Check("database", writable, f"{path} is not there yet", fix)
