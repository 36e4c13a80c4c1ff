"""The comparison as a picture (SVG 1.1): data in, text out."""

from collections.abc import Sequence
from statistics import median
from xml.sax.saxutils import escape

from tests.bench.results import Peer

_SHOWN = {  # names of recorders, and what they are called here
    "execdb": "execdb",
    "execdb, 64 rules": "execdb, 64 rules",
    "execdb --attempts": "execdb --attempts",
    "bpftrace execsnoop.bt": "bpftrace",
    "forkstat -e exec": "forkstat",
    "auditd": "auditd",
}
_NAME_WIDTH, _BAR_WIDTH, _WIDTH, _ROW, _TOP = 150, 300, 880, 34, 74
_OWN, _OTHER = "#2f6f4f", "#9a9a9a"
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} \
{height}" font-family="sans-serif" font-size="13">
<title>CPU time of recorders for each exec</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="12" y="22" font-size="15" font-weight="bold" fill="#222">\
CPU time of the recorder for each exec, and what it has of the storm</text>
<text x="12" y="42" fill="#666">\
two processes start programs at full speed, equal command lines</text>
<text x="12" y="60" fill="#666">{machine}</text>
"""
_BAR = """\
<text x="12" y="{text_y}" fill="#222">{name}</text>
<rect x="{x}" y="{y}" width="{width:.1f}" height="18" fill="{color}"/>
<text x="{figure_x:.0f}" y="{text_y}" fill="#222">{figures}</text>
"""


def picture(peers: Sequence[Peer], machine: str) -> str:
    """Bars of the peers that people know, those that failed left out."""
    shown = [
        (_SHOWN[peer.name], peer) for peer in peers if peer.name in _SHOWN and peer.equal.rounds
    ]
    costs_us = [_cost_us(peer) for _, peer in shown]
    most_us = max(costs_us, default=1.0)
    height = _TOP + _ROW * len(shown) + 8
    text = [_HEAD.format(width=_WIDTH, height=height, machine=escape(machine))]
    for row, ((name, peer), cost_us) in enumerate(zip(shown, costs_us, strict=True)):
        y, width = _TOP + _ROW * row, max(2.0, _BAR_WIDTH * cost_us / most_us)
        text.append(
            _BAR.format(
                name=escape(name), x=_NAME_WIDTH, y=y, text_y=y + 14, width=width,
                color=_OWN if name.startswith("execdb") else _OTHER,
                figure_x=_NAME_WIDTH + width + 8, figures=escape(_figures(peer, cost_us)),
            )
        )  # fmt: skip
    return "".join([*text, "</svg>\n"])


def _cost_us(peer: Peer) -> float:
    """Of its processes and its kernel thread."""
    return median(storm.cpu_us + storm.kernel_cpu_us for storm in peer.equal.rounds)


def _figures(peer: Peer, cost_us: float) -> str:
    storms = peer.equal.rounds
    captured = median(100 * storm.seen / storm.execs for storm in storms)
    whole = median(100 * storm.long for storm in storms)
    return f"{cost_us:.1f} us, {captured:.0f} % captured, {whole:.0f} % of long arguments whole"
