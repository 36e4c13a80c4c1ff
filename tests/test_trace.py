"""The recorded build that tests and benchmarks read is part of the repository, and whole."""

import hashlib
import json
from pathlib import Path

import pytest

from tests import trace


def test_the_trace_is_the_one_that_figures_were_measured_with() -> None:
    lines = trace.hello_build().splitlines()
    assert len(lines) == 2_879
    assert {"time_ns", "pid", "argv"} <= json.loads(lines[0]).keys()
    assert hashlib.sha256(trace.hello_build().encode()).hexdigest() == trace.SHA256


def test_without_it_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trace, "_FILE", tmp_path / "not-there.xz")
    with pytest.raises(FileNotFoundError, match="not-there"):
        trace.hello_build()
