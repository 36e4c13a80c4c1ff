"""The programs in the kernel with a part of their source taken out, and what each run takes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from execdb.bpf.loading import loader, source
from execdb.bpf.syscall import wait_for_programs
from execdb.collector.kernel_source import KernelSource
from execdb.collector.mirror import common_limit_bytes, message_bytes
from execdb.collector.rules.rule_maps import RuleMaps
from execdb.collector.rules.slots import Slots
from execdb.store.config.limit import DEFAULT
from execdb.store.config.rule import Rule
from tests.bench.workloads.load import running

PROGRAMS = ("on_exec", "on_fork", "on_exit")

Edits = Sequence[tuple[str, str]]  # what is taken out, and what stands there instead
KEYS: Mapping[str, Edits] = {
    "exe": [("\tcopy_executable(s, task);", "\tno_executable(&s->exec);")],
    "namespaces": [
        (
            "\tset_namespaces(exec, task, cred);",
            "\texec->mnt_ns = FIRST_MNT_NS;\n\texec->ns_pid = exec->pid_ns = exec->user_ns = 0;",
        )
    ],
    "cost": [
        ("\tset_begin(&image, task);\n\tset_cost(&s->exec, &image, task);", "\tno_cost(&s->exec);"),
        ("\tset_end_cost(end, task, &began);", "\tend->cpu_ns = end->max_rss_kb = 0;"),
    ],
    "generation": [("number ? *number : 0", "0")],
    "cwd_deleted": [("s->exec.cwd_deleted = is_unlinked(dentry);", "s->exec.cwd_deleted = 0;")],
}
ALL_KEYS: Edits = [edit for edits in KEYS.values() for edit in edits]
RULES: Edits = [("if (is_left_out(s, filename, count)) {", "if (0) {")]


def edited(edits: Edits) -> str:
    """The program without a part. Raises ValueError if that does not stand in it once."""
    text = source.program_source()
    for before, after in edits:
        if text.count(before) != 1:
            raise ValueError(f"this stands {text.count(before)} times in the program: {before!r}")
        text = text.replace(before, after)
    return text


class Variant:
    """A loaded program, which is attached only while it is measured."""

    def __init__(self, edits: Edits = (), rules: Sequence[Rule] = ()) -> None:
        with patch.object(loader, "program_source", lambda: edited(edits)):
            self._source = KernelSource()
        program = self._source.program
        program.fallback[0] = message_bytes("Hello World")
        program.limit[0] = common_limit_bytes(DEFAULT, 0)
        RuleMaps(program, Slots(), wait_for_programs, print).put(rules)
        self.close = self._source.close

    def measure(self, command: Sequence[str]) -> list[float]:
        """Mean ns of a run of each of PROGRAMS while a command runs."""
        before = self._taken()
        with self._attached(), running(command) as load:
            while load.process.poll() is None:
                self._source.wait(0.1)
                self._drain()
        self._drain()
        return [
            (ns - ns_before) / (runs - runs_before)
            for (ns, runs), (ns_before, runs_before) in zip(self._taken(), before, strict=True)
        ]

    @contextmanager
    def _attached(self) -> Iterator[None]:
        self._source.attach()
        try:
            yield
        finally:
            self._source.detach()

    def _drain(self) -> None:
        for _ in self._source.read():
            pass

    def _taken(self) -> list[tuple[int, int]]:
        """Of each program: ns and runs since the load (/proc/PID/fdinfo, kernel/bpf/syscall.c)."""
        found = []
        for name in PROGRAMS:
            descriptor = self._source.program.descriptors[name]
            text = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
            values = dict(re.findall(r"^(run_time_ns|run_cnt):\s*(\d+)$", text, re.MULTILINE))
            found.append((int(values["run_time_ns"]), int(values["run_cnt"])))
        return found
