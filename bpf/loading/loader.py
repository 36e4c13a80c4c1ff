"""Loads the programs: the kernel's layout in, a compile in a short-lived child, descriptors out."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from execdb.bpf import arch, offsets, requirements, wire
from execdb.bpf.cpus import possible_cpus
from execdb.bpf.errors import KernelError
from execdb.bpf.loading.conversation import Request
from execdb.bpf.loading.interpreters import Answer, ask_bcc
from execdb.bpf.loading.layout import find_layout
from execdb.bpf.loading.source import program_flags, program_source
from execdb.bpf.map import Array, BytesMap, Map
from execdb.bpf.program import ALWAYS, MAPS, Hook, Program, close_all


def load(
    hooks: Sequence[Hook] = ALWAYS,
    btf: Path = offsets.BTF_PATH,
    *,
    ring_pages: int = 128,
    first_mnt_ns: int = 0,
    interrupt: int | None = None,
    compiling: Callable[[], None] = lambda: None,
) -> Program:
    """Compiles and loads the programs of these hooks; attaches nothing.

    `btf` is the kernel's BTF or a copy of it, `ring_pages` the size of each CPU's ring,
    `first_mnt_ns` the machine's first mount namespace. `compiling` is called as soon as the rest is
    for the child to do. Raises KernelError with a sentence for the user; Interrupted as soon as the
    descriptor `interrupt` has something to read."""
    requirements.require()
    kinds = {hook.kind for hook in hooks}
    flags = program_flags(kinds, ring_pages, first_mnt_ns)
    kprobes = arch.this() if "kprobe" in kinds else None
    layout = cache(partial(find_layout, btf, kprobes, interrupt))

    def make_request() -> Request:
        return Request(
            source=program_source(),
            cflags=[*layout().flags, *flags],
            maps=[*MAPS, *["noting"] * (kinds > {"raw_tracepoint"})],
            programs={hook.program: hook.kind for hook in hooks},
            tracepoints=[hook.target for hook in hooks if hook.kind == "tracepoint"],
            record=["scratch", "exec"],
        )

    answer = ask_bcc(make_request, interrupt, compiling)
    try:
        _check_record(answer.reply["layout"])
    except KernelError:
        close_all(answer.descriptors)
        raise
    return _program(answer, layout().found_in)


def _check_record(layout: list[list[Any]]) -> None:
    """Raises KernelError if a record has another layout in the compiled program than in Python."""
    compiled = {name: (offset, size) for name, offset, size in layout}
    if compiled != wire.LAYOUT:
        raise KernelError(
            "the compiled program's record differs from bpf/wire.py: "
            f"{sorted(set(compiled.items()) ^ set(wire.LAYOUT.items()))}; reinstall execdb"
        )


def _program(answer: Answer, layout_from: str) -> Program:
    request = answer.request
    fds = dict(zip([*request.maps, *request.programs], answer.descriptors, strict=True))
    return Program(
        config=Map(fds["config"], wire.MESSAGE_LEN),
        fallback=Array(fds["fallback"], wire.MESSAGE_LEN),
        generation=Array(fds["generation"], wire.GENERATION.size),
        counters=Map(fds["counters"], wire.COUNTERS.size * possible_cpus()),
        images=Map(fds["images"], wire.IMAGE.size),
        output=Map(fds["output"], 4),
        drained=Map(fds["drained"], 8),
        spare=Map(fds["spare"], 0),
        asleep=Map(fds["asleep"], wire.ASLEEP.size),
        bell=Map(fds["bell"], 0),
        budgets=Map(fds["budgets"], wire.BUDGET.size),
        limits=Map(fds["limits"], wire.LIMIT.size),
        limit=Array(fds["limit"], wire.COMMON_LIMIT.size),
        exec_budgets=Map(fds["exec_budgets"], wire.EXEC_BUDGET.size),
        rule_sets=Array(fds["rule_sets"], wire.RULE_SET.size, 2),
        rule_half=Array(fds["rule_half"], 4),
        rule_values=BytesMap(fds["rule_values"], wire.RULE_VALUE.size, wire.RULE_BITS.size),
        rule_texts=BytesMap(fds["rule_texts"], wire.RULE_TEXT.size, 8),
        filtered=Map(fds["filtered"], 8 * possible_cpus()),
        noting=Map(fds["noting"], 4) if "noting" in fds else None,
        descriptors={name: fds[name] for name in request.programs},
        tracepoint_ids=answer.reply["tracepoints"],
        layout_from=layout_from,
    )
