"""What a recorder has in memory, for months."""

import re
from pathlib import Path

import pytest

from tests.kernel.ground_truth import finish, storm
from tests.kernel.recorder import Recorder

_UNNEEDED = ("LLVM", "libbcc", "sqlalchemy", "libcrypto", "libssl", "_asyncio")


@pytest.mark.alone
def test_a_recorder_has_loaded_what_recording_needs(recorder: Recorder, programs: Path) -> None:
    finish(storm(programs, 5_003))
    process = Path(f"/proc/{recorder.process.pid}")
    files = set(re.findall(r"/.*", (process / "maps").read_text()))
    assert any("sqlite" in file for file in files)
    assert [file for file in files for name in _UNNEEDED if name in file] == []
    (pss_kib,) = re.findall(r"^Pss: +(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
    assert int(pss_kib) * 1024 < 40_000_000
