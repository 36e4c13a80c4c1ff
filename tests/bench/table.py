"""Results as Markdown: data in, text out."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from tests.bench.results import Answer, Peer, Row, Spread, Storm

NOTHING = "-"

Column = tuple[str, Callable[[Peer], str]]


def spread(values: Sequence[float], digits: int = 2, unit: str = "") -> str:
    """`median (min-max)`, or a dash where there is nothing."""
    if not values:
        return NOTHING
    found = Spread.of(values)
    text = f"{found.median:.{digits}f}{unit}"
    if len(values) == 1:
        return text
    return f"{text} ({found.least:.{digits}f}-{found.greatest:.{digits}f})"


def _of(
    value: Callable[[Storm], float | None], digits: int, unit: str = ""
) -> Callable[[Peer], str]:
    def cell(peer: Peer) -> str:
        values = [v for v in map(value, peer.storms) if v is not None]
        return spread(values, digits, unit)

    return cell


def _cpu(peer: Peer) -> str:
    """The recorder's processes; what a kernel thread of its own spent comes after a plus."""
    own = [storm.cpu_us for storm in peer.storms if storm.cpu_ns is not None]
    kernel = [storm.kernel_cpu_us for storm in peer.storms if storm.kernel_cpu_ns is not None]
    text = spread(own, 1)
    return f"{text} + {spread(kernel, 1)} kernel" if kernel else text


def _memory(kb: Callable[[Storm], int]) -> Callable[[Peer], str]:
    def cell(peer: Peer) -> str:
        values = [kb(s) / 1024 for s in peer.storms if s.cpu_ns is not None]
        return f"{Spread.of(values).median:.0f}" if values else NOTHING

    return cell


def _bytes(storm: Storm) -> float | None:
    return storm.size / storm.seen if storm.seen else None


def _built(peer: Peer) -> str:
    return f"{median(own.size for own, _ in peer.builds) / 1024:.0f}" if peer.builds else NOTHING


COLUMNS: list[Column] = [
    ("exec rate / none", _of(lambda s: s.ratio, 2)),
    ("storm's CPU / none", _of(lambda s: s.load_cpu_ratio, 2)),
    ("build time / none", lambda peer: spread([a.wall_s / b.wall_s for a, b in peer.builds], 3)),
    ("build's CPU / none", lambda peer: spread([a.cpu_s / b.cpu_s for a, b in peer.builds], 3)),
    ("CPU us/exec", _cpu),
    ("BPF us/exec", lambda peer: NOTHING if peer.bpf_us is None else f"{peer.bpf_us:.1f}"),
    ("Pss MiB", _memory(lambda s: s.pss_kb)),
    ("peak MiB", _memory(lambda s: s.peak_kb)),
    ("captured", _of(lambda s: 100 * s.seen / s.execs, 1, " %")),
    ("whole arguments", _of(lambda s: 100 * s.whole / s.execs, 1, " %")),
    ("40 arguments whole", _of(lambda s: 100 * s.long, 0, " %")),
    ("disk bytes/exec", _of(_bytes, 0)),
    ("build on disk KiB", _built),
]


def table(peers: Iterable[Peer]) -> str:
    """One row each. One that failed says so instead of showing figures."""
    lines = [_row("recorder", [title for title, _ in COLUMNS]), _row("---", ["---"] * len(COLUMNS))]
    lines.append(_row("none", ["1"] * 4 + [NOTHING] * (len(COLUMNS) - 4)))
    for peer in peers:
        name = f"{peer.name} {peer.version}".strip()
        if peer.failure and not peer.storms:
            lines.append(
                _row(name, [f"failed: {_plain(peer.failure)}", *[""] * (len(COLUMNS) - 1)])
            )
            continue
        if peer.failure:
            name += f" (failed after {len(peer.storms)} storms and {len(peer.builds)} builds: "
            name += f"{_plain(peer.failure)})"
        lines.append(_row(name, [cell(peer) for _, cell in COLUMNS]))
    return "\n".join(lines) + "\n"


def _row(first: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([first, *cells]) + " |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def limits(rows: Iterable[Row]) -> str:
    """What execdb holds itself to."""
    verdicts = {True: "ok", False: "**missed**", None: ""}
    cells = [[row.what, row.limit, verdicts[row.held], row.measured] for row in rows]
    return _aligned([["what", "limit", "", "measured"], *cells])


def answers(found: Iterable[Answer]) -> str:
    """One row for each question."""
    cells = [
        [f"`{answer.question}`", f"{answer.found:,}", spread(answer.works_ms, 0, " ms"),
         spread(answer.wholes_ms, 0, " ms"), _ms(answer.grep_ms), _ms(answer.ausearch_ms)]
        for answer in found
    ]  # fmt: skip
    titles = ["question", "found", "execdb, work", "whole", "grep", "ausearch"]
    return _aligned([titles, *cells])


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """A table that can be read as it is; the first row has the titles."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        _row(first, rest)
        for first, *rest in (
            [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            for row in (rows[0], ["-" * width for width in widths], *rows[1:])
        )
    ]
    return "\n".join(lines) + "\n"


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f} ms"


def insert(page: str, name: str, text: str) -> str:
    """The page with what stands between the markers of that name replaced, or with both added
    at its end."""
    start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    block = f"{start}\n\n{text.strip()}\n\n{end}"
    before, begun, rest = page.partition(start)
    _, ended, after = rest.partition(end)
    if begun and ended:
        return before + block + after
    return f"{page.rstrip()}\n\n{block}\n".lstrip()


def publish(name: str, text: str, write: Path | None) -> None:
    """Prints it, and puts it into a Markdown file where asked."""
    print(text)
    if write:
        page = write.read_text() if write.exists() else "# Performance\n"
        write.parent.mkdir(parents=True, exist_ok=True)
        write.write_text(insert(page, name, text))
