"""What a recording says on stderr, which never waits for the reader: see `output/outlet.py`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from execdb.cli.output.counted import counted
from execdb.cli.output.streams import say
from execdb.cli.show.gap_notes import causes
from execdb.cli.show.notes.filter_notes import causes as named

if TYPE_CHECKING:
    from execdb.collector.kernel_source import KernelSource
    from execdb.collector.ledger import Ledger
    from execdb.store.account import Cause


def warn(text: str) -> None:
    """Prints a warning, on stderr."""
    say(f"warning: {text}")


def started(path: Path, source: "KernelSource", kept: Sequence[str]) -> str:
    """`kept` are the capabilities that this kernel requires all the time."""
    from execdb.bpf.offsets import BTF_PATH

    kinds = {hook.kind for hook in source.hooks}
    if "tracepoint" in kinds:
        more = ", with failed attempts through system-call tracepoints, which cost every system "
        more += "call on this machine a little"
    elif "kprobe" in kinds:
        more = ", with failed attempts through kprobes"
    else:
        more = ""
    if source.program.layout_from != f"BTF at {BTF_PATH}":
        more += f", with the kernel's layout from {source.program.layout_from}"
    if kept:
        more += f", keeping {' and '.join(kept)}"
    return f"recording to {path}{more}"


def summary(ledger: "Ledger", elapsed_s: float, path: Path) -> str:
    """The last line of a recording."""
    did = f"recorded {counted(ledger.stored, 'exec')} in {elapsed_s:.1f} s{_filtered(ledger)}"
    return f"{did}, {_lost(ledger.by_cause)}, {path}"


def status(ledger: "Ledger", path: Path) -> str:
    """For the service manager, while it records."""
    did = f"{counted(ledger.stored, 'exec')} recorded{_filtered(ledger)}"
    return f"{did}, {_lost(ledger.by_cause)}, {path}"


def _filtered(ledger: "Ledger") -> str:
    """`, 23 filtered (20 rule 1, 3 limits)`; nothing if nothing was."""
    filtered = ledger.filtered
    if not filtered.total:
        return ""
    by_name = Counter({f"rule {rule}": count for rule, count in filtered.by_rule.items()})
    by_name["limits"] = filtered.by_limits
    return f", {filtered.total} filtered ({named(+by_name)})"


def _lost(by_cause: "Mapping[Cause, int]") -> str:
    """`0 lost`, or `23 lost (20 ring full, 3 no space)`."""
    found = {str(cause): lost for cause, lost in by_cause.items() if lost}
    return f"{sum(found.values())} lost" + (f" ({causes(found)})" if found else "")


def warn_of_missing_ends(source: "KernelSource", given_up: int) -> None:
    """`given_up` ends were not stored, besides those that the kernel could not hand over."""
    counts = source.counts()
    ends_lost = counts.ends_lost + given_up
    found = [f"lost {counted(ends_lost, 'end')}"] if ends_lost else []
    if counts.untracked:
        found.append(f"could not follow {counted(counts.untracked, 'image')}")
    if found:
        warn(f"some rows have no end: {' and '.join(found)}")
