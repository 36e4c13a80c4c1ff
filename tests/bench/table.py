"""Results as Markdown: data in, text out."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from tests.bench.results import Alone, Answer, Peer, Row, Spread, Storm, Storms

NOTHING = "-"

KINDS = ("equal", "all new")  # command lines of a storm

# The storms of a recorder, and those of execdb.
Cell = Callable[[Storms, Storms], str]


def spread(values: Sequence[float], digits: int = 2, unit: str = "") -> str:
    """`median (least-greatest)`, or a dash where there is nothing."""
    return _spread(Spread.of(values), "({}-{})", digits, unit) if values else NOTHING


def half(values: Sequence[float], digits: int = 2) -> str:
    """`median [quartile-quartile]`, between which lies the middle half; a dash for nothing."""
    return _spread(Spread.of_half(values), "[{}-{}]", digits, "") if values else NOTHING


def _spread(found: Spread, ends: str, digits: int, unit: str) -> str:
    """Where both ends look like the median, they are left out."""
    middle, least, greatest = (
        f"{value:.{digits}f}" for value in (found.median, found.least, found.greatest)
    )
    rest = "" if least == middle == greatest else f" {ends.format(least, greatest)}"
    return f"{middle}{unit}{rest}"


def _of(value: Callable[[Storm], float | None], digits: int, unit: str = "") -> Cell:
    def cell(storms: Storms, _: Storms) -> str:
        return spread([v for v in map(value, storms.rounds) if v is not None], digits, unit)

    return cell


def _ratio(value: Callable[[Storm], float]) -> Cell:
    return lambda storms, _: half(list(map(value, storms.rounds)))


def _cpu(storms: Storms, _: Storms) -> str:
    """The recorder's processes; what a kernel thread of its own spent comes after a plus."""
    own = [storm.cpu_us for storm in storms.rounds if storm.cpu_ns is not None]
    kernel = [storm.kernel_cpu_us for storm in storms.rounds if storm.kernel_cpu_ns is not None]
    return _plus(spread(own, 1), spread(kernel, 1))


def _times(storms: Storms, execdb: Storms) -> str:
    """The same over execdb's, round by round."""
    pairs = list(zip(storms.rounds, execdb.rounds, strict=False))  # one may have failed
    own = [a.cpu_us / b.cpu_us for a, b in pairs if a.cpu_ns is not None]
    kernel = [a.kernel_cpu_us / b.cpu_us for a, b in pairs if a.kernel_cpu_ns is not None]
    return _plus(half(own, 1), half(kernel, 1))


def _plus(own: str, kernel: str) -> str:
    return own if kernel == NOTHING else f"{own} + {kernel} kernel"


def _memory(kb: Callable[[Storm], int]) -> Cell:
    def cell(storms: Storms, _: Storms) -> str:
        values = [kb(s) / 1024 for s in storms.rounds if s.cpu_ns is not None]
        return f"{Spread.of(values).median:.0f}" if values else NOTHING

    return cell


def _bytes(storm: Storm) -> float | None:
    return storm.size / storm.seen if storm.seen else None


STORM_COLUMNS: list[tuple[str, Cell]] = [
    ("exec rate / none", _ratio(lambda s: s.ratio)),
    ("storm's CPU / none", _ratio(lambda s: s.load_ratio)),
    ("CPU us/exec", _cpu),
    ("CPU / execdb's", _times),
    ("BPF us/exec", lambda own, _: NOTHING if own.bpf_us is None else f"{own.bpf_us:.1f}"),
    ("Pss MiB", _memory(lambda s: s.pss_kb)),
    ("peak MiB", _memory(lambda s: s.peak_kb)),
    ("captured", _of(lambda s: 100 * s.seen / s.execs, 1, " %")),
    ("whole arguments", _of(lambda s: 100 * s.whole / s.execs, 1, " %")),
    ("40 arguments whole", _of(lambda s: 100 * s.long, 0, " %")),
    ("disk bytes/exec", _of(_bytes, 0)),
]
BUILD_COLUMNS: list[tuple[str, Callable[[Peer], str]]] = [
    ("time / none", lambda peer: spread([a.wall_s / b.wall_s for a, b in peer.builds], 3)),
    ("CPU / none", lambda peer: spread([a.cpu_s / b.cpu_s for a, b in peer.builds], 3)),
    ("on disk KiB", lambda peer: f"{median(own.size for own, _ in peer.builds) / 1024:.0f}"),
]


def peers(found: Sequence[Peer], alone: Sequence[float]) -> str:
    """The storms, two rows for each recorder, and the builds. One that failed says so instead of
    showing figures it has not. `alone` is the `noise` of storms without a recorder."""
    parts = [_storms(found, alone), _builds(found), "".join(map(_failure, found))]
    return "\n".join(filter(None, parts))


def without(storms: Sequence[Alone]) -> str:
    """How fast the storms without a recorder were, and what disturbed them, in a sentence."""
    rate = spread([storm.rate for storm in storms], 0, " execs/s")
    others = spread([100 * storm.others for storm in storms], 0, " %")
    return (
        f"Without a recorder storms ran at {rate}, while others took\n"
        f"{others} of the machine's CPU time: programs, kernel threads, other machines."
    )


def _storms(found: Sequence[Peer], alone: Sequence[float]) -> str:
    titles = [title for title, _ in STORM_COLUMNS]
    rows = [["storm", "command lines", *titles]]
    rows.append(["none", "", half(alone), "1", *[NOTHING] * (len(titles) - 2)])
    execdb = next((peer for peer in found if peer.name == "execdb"), Peer(""))
    for peer in found:
        kinds = ((peer.equal, execdb.equal), (peer.new, execdb.new))
        for kind, (own, yardstick) in zip(KINDS, kinds, strict=True):
            if own.rounds or not peer.failure:
                cells = [cell(own, yardstick) for _, cell in STORM_COLUMNS]
            else:
                cells = ["failed", *[""] * (len(titles) - 1)]
            rows.append([_name(peer), kind, *cells])
    return aligned(rows)


def _builds(found: Sequence[Peer]) -> str:
    """Empty where nothing was built."""
    rows = [["build", *(title for title, _ in BUILD_COLUMNS)], ["none", "1", "1", NOTHING]]
    for peer in found:
        if peer.builds:
            rows.append([_name(peer), *(cell(peer) for _, cell in BUILD_COLUMNS)])
        elif peer.failure:
            rows.append([_name(peer), "failed", "", ""])
    return aligned(rows) if any(peer.builds for peer in found) else ""


def _name(peer: Peer) -> str:
    return f"{peer.name} {peer.version}".strip()


def _failure(peer: Peer) -> str:
    if not peer.failure:
        return ""
    done = f"{len(peer.equal.rounds)} and {len(peer.new.rounds)} storms, {len(peer.builds)} builds"
    return f"- **{peer.name} failed** after {done}: {_plain(peer.failure)}\n"


def _row(first: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([first, *cells]) + " |"


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def limits(rows: Iterable[Row]) -> str:
    """What execdb holds itself to."""
    verdicts = {True: "ok", False: "**missed**", None: ""}
    cells = [[row.what, row.limit, verdicts[row.held], row.measured] for row in rows]
    return aligned([["what", "limit", "", "measured"], *cells])


def answers(found: Iterable[Answer]) -> str:
    """One row for each question."""
    cells = [
        [f"`{answer.question}`", f"{answer.found:,}", spread(answer.works_ms, 0, " ms"),
         spread(answer.wholes_ms, 0, " ms"), _ms(answer.grep_ms), _ms(answer.ausearch_ms)]
        for answer in found
    ]  # fmt: skip
    titles = ["question", "found", "execdb, work", "whole", "grep", "ausearch"]
    return aligned([titles, *cells])


def aligned(rows: Sequence[Sequence[str]]) -> str:
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
