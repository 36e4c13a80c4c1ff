"""What the kernel says of programs that it did not run."""

import os
from contextlib import closing
from pathlib import Path

from execdb.bpf.program import misses
from execdb.collector.kernel_source import KernelSource


def test_the_kernel_tells_and_we_read_it(tmp_path: Path) -> None:
    with closing(KernelSource(1)) as source:
        source.attach()
        fd = source.program.descriptors["on_exec"]
        text = Path(f"/proc/self/fdinfo/{fd}").read_text()
        assert "recursion_misses:\t0\n" in text
        assert source.counts().skipped == 0
    (tmp_path / "fdinfo").write_text(text.replace("recursion_misses:\t0", "recursion_misses:\t23"))
    (tmp_path / "older").write_text(text.replace("recursion_misses", "something_else"))
    for name, expected in (("fdinfo", 23), ("older", 0)):
        opened = os.open(tmp_path / name, os.O_RDONLY)
        assert misses(opened) == misses(opened) == expected
        os.close(opened)
