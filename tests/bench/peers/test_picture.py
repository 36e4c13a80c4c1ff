"""The picture says what the table says."""

import xml.etree.ElementTree as ET

import pytest

from tests.bench.peers.compare import RECORDERS
from tests.bench.peers.picture import _SHOWN, picture
from tests.bench.results import Peer, Storm, Storms

_SVG = "{http://www.w3.org/2000/svg}"
_CHARACTER = 7.0  # wide on average, of a sans-serif font of 13 pixels


def _peer(name: str, cpu_us: int, seen: int = 1000, kernel_us: int | None = None) -> Peer:
    kernel_ns = None if kernel_us is None else kernel_us * 1_000_000
    storm = Storm(1000, 900.0, cpu_us * 1_000_000, kernel_ns, 0, 0, seen=seen, long=1.0)
    return Peer(name, equal=Storms([storm]))


def test_a_bar_for_each_that_ran() -> None:
    peers = [
        _peer("execdb", 8),
        _peer("execdb --attempts", 16),
        _peer("bpftrace execsnoop.bt", 32, seen=980),
        _peer("auditd", 80, kernel_us=20),
        _peer("strace -f -e execve", 2_000),
        Peer("forkstat -e exec", failure="<not> there"),
    ]
    drawn = ET.fromstring(picture(peers, "a <machine> & more"))
    texts = [text.text for text in drawn.iter(f"{_SVG}text")]
    assert texts[2] == "a <machine> & more"
    assert texts[3:] == [
        "execdb", "8.0 us, 100 % captured, 100 % of long arguments whole",
        "execdb --attempts", "16.0 us, 100 % captured, 100 % of long arguments whole",
        "bpftrace", "32.0 us, 98 % captured, 100 % of long arguments whole",
        "auditd", "100.0 us, 100 % captured, 100 % of long arguments whole",
    ]  # fmt: skip
    widths = [float(bar.attrib["width"]) for bar in list(drawn.iter(f"{_SVG}rect"))[1:]]
    assert widths[2] / widths[0] == pytest.approx(4, rel=0.01)
    assert widths[3] == max(widths)


def test_no_text_leaves_the_picture() -> None:
    machine = "A(R) Processor With a Long Name @ 2.80GHz, 128 cores, Linux 6.18.44-a-suffix, Debian"
    drawn = ET.fromstring(picture([_peer("auditd", 9_000, kernel_us=900)], machine))
    for text in drawn.iter(f"{_SVG}text"):
        end = float(text.attrib["x"]) + _CHARACTER * len(str(text.text))
        assert end <= float(drawn.attrib["width"]), text.text


def test_each_that_is_shown_is_measured() -> None:
    names = [kind.name for kind in RECORDERS]
    assert set(_SHOWN) <= set(names)
