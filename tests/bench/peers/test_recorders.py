"""The recorders that execdb is compared with."""

import os
import shutil
from pathlib import Path

import pytest

from tests.bench.peers.recorders import Bpftrace
from tests.bench.peers.rounds import under
from tests.bench.workloads.load import Programs


def test_bpftrace_runs_a_script_of_ours_where_it_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bpftrace, "_SCRIPTS", ("/nowhere/execsnoop.bt",))
    assert Bpftrace.script().name == "execs.bt"
    assert Bpftrace.version().endswith("a script of ours")
    monkeypatch.setattr(Bpftrace, "_SCRIPTS", ("/nowhere/execsnoop.bt", __file__))
    assert Bpftrace.script() == Path(__file__)
    assert "ours" not in Bpftrace.version()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("bpftrace") is None, reason="needs bpftrace")
@pytest.mark.parametrize("scripts", [Bpftrace._SCRIPTS, ()], ids=["theirs", "ours"])
def test_either_script_sees_the_storm(
    scripts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bpftrace, "_SCRIPTS", scripts)
    programs = Programs()
    try:
        storm = under(Bpftrace(tmp_path), programs, 23, same=True)
    finally:
        programs.close()
    assert storm.execs == 46
    assert 0 < storm.seen <= 46  # it loses some, more so beside other work
    assert storm.whole == storm.seen
