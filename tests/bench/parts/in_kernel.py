"""What rules and the keys of an event cost: in the kernel for each exec, and in the file."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from execdb.collector.rules.cgroups import cgroup_folder
from execdb.store.config.rule import RULES_MAX, Action, Rule, make_rule
from execdb.store.terms.parse import Reader
from tests.bench.measure import proc
from tests.bench.measure.bpf import clock
from tests.bench.parts.key_bytes import bytes_of_keys
from tests.bench.parts.variants import ALL_KEYS, KEYS, PROGRAMS, RULES, Variant
from tests.bench.results import Row
from tests.bench.table import half, limits, publish
from tests.bench.workloads.load import STORMS, Programs

Pair = tuple[Sequence[float], Sequence[float]]  # ns of each program: the whole ones, a variant's

_WHOLE, _AGAIN = "whole", "the same again"
_NO_RULE = "rules and limits, if there are none"
_UID, _FIELDS, _IGNORED = "uid", "all fields", "ignored"
_WITH_RULES = {
    _UID: f"{RULES_MAX} rules that ask for another uid",
    _FIELDS: f"{RULES_MAX} rules that ask for all six fields, of which the last differs",
    _IGNORED: "a rule that leaves the exec out",
}
_NAMES = {
    "exe": "`exe`, `exe_device`, `exe_inode`, `exe_deleted`",
    "namespaces": "`pid_ns`, `mnt_ns`, `user_ns`, `ns_pid`",
    "cost": "`cpu_ns`, `max_rss_kb`",
    "generation": "`config_generation`",
    "cwd_deleted": "`cwd_deleted`",
    "all": "all of these keys",
}
_NOTES = """\
Time in the kernel's programs for an exec with its fork and its end, as the kernel counts it
(`kernel.bpf_stats_enabled`); median [quartile-quartile] of {rounds} rounds of {execs:,} execs, all
variants in turns, each just after the whole program: what a part costs is the difference between
the two; *the same again* is the noise. For rules only `on_exec` counts; the execs run in a control
group beside the one that the rules ask for. `container` is read from the cgroup, and costs the
kernel nothing. Bytes are what a row takes less in the file without these keys, of {events:,} events
of builds in a container.

{machine}. Measured with `python -m tests.bench kernel`.
"""


def compare(rounds: int, execs: int, events: int, write: Path | None) -> int:
    """Prints it. 1 if rules take longer than they may."""
    sizes = bytes_of_keys(events)
    with contextlib.closing(Programs()) as programs, contextlib.ExitStack() as stack, clock():
        asked, runs = (stack.enter_context(_control_group(name)) for name in ("asked", "runs"))
        variants = {
            name: stack.enter_context(contextlib.closing(make()))
            for name, make in _variants(programs.folder, asked).items()
        }
        whole, storm = variants.pop(_WHOLE), _storm(programs.folder, execs, runs)
        found = [
            {name: (whole.measure(storm), each.measure(storm)) for name, each in variants.items()}
            for _ in range(rounds)
        ]
    rows = [*_rows(found, sizes)]
    notes = _NOTES.format(rounds=rounds, execs=execs, events=events, machine=proc.machine())
    publish("kernel", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


@contextlib.contextmanager
def _control_group(name: str) -> Iterator[Path]:
    """The folder of a new one below the root. Raises OSError without a version 2 hierarchy."""
    root = cgroup_folder()
    if root is None:
        raise FileNotFoundError("no hierarchy of control groups (version 2) is mounted")
    folder = Path(os.fsdecode(root), f"execdb-bench-{os.getpid()}-{name}")
    folder.mkdir()
    try:
        yield folder
    finally:
        folder.rmdir()


def _storm(folder: Path, execs: int, runs: Path) -> list[str]:
    """Execs in a control group."""
    one = [f'"$1/storm" "$1/{name}" {execs // 2} same' for name in STORMS]
    inside = f"echo 0 >$2/cgroup.procs; {{ {' & '.join(one)} & wait; }} >/dev/null"
    return ["sh", "-c", inside, "sh", str(folder), str(runs)]


def _variants(folder: Path, asked: Path) -> Mapping[str, Callable[[], Variant]]:
    everything = {name: partial(Variant, edits) for name, edits in KEYS.items()}
    login = Path("/proc/self/loginuid").read_text()
    fields = ["uid=0", "euid=0", f"loginuid={'null' if int(login) == 2**32 - 1 else login}"]
    fields += ["comm=eb-*", f"filename={folder}/*", f"cgroup=/{asked.name}"]
    return {
        _WHOLE: Variant,
        _AGAIN: Variant,
        _UID: partial(Variant, rules=[_rule(n, f"uid={n}") for n in range(1, RULES_MAX + 1)]),
        _FIELDS: partial(Variant, rules=[_rule(n, *fields) for n in range(1, RULES_MAX + 1)]),
        _IGNORED: partial(Variant, rules=[_rule(1, f"filename={folder}/*")]),
        _NO_RULE: partial(Variant, RULES),
        "all": partial(Variant, ALL_KEYS),
        **everything,
    }


def _rule(number: int, *terms: str) -> Rule:
    return make_rule(number, Action.IGNORE, Reader(int, int).terms(terms))


def _rows(found: Sequence[Mapping[str, Pair]], sizes: Mapping[str, float]) -> Iterator[Row]:
    for at, program in enumerate(PROGRAMS):
        yield _row(f"`{program}`", [whole[at] for each in found for whole, _ in each.values()])

    def more(name: str, programs: int = len(PROGRAMS)) -> list[float]:
        """What a variant takes beyond the whole program, pair by pair, in the first programs."""
        return [sum(each[name][1][:programs]) - sum(each[name][0][:programs]) for each in found]

    yield _row(f"{_AGAIN}: more", more(_AGAIN))
    for name, what in _WITH_RULES.items():
        ns = more(name, 1)
        yield _row(f"{what}: more", ns, "<= 1,000 ns", median(ns) <= 1_000)
    yield _row(_NO_RULE, [-ns for ns in more(_NO_RULE, 1)])
    for name, what in _NAMES.items():
        ns = [-ns for ns in more(name)]
        yield _row(what, ns, more=f"; {sizes[name]:.1f} bytes")


def _row(
    what: str, ns: Sequence[float], limit: str = "", held: bool | None = None, more: str = ""
) -> Row:
    return Row(what, limit, f"{half(ns, 0)} ns{more}", held)
