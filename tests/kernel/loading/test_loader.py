"""What is loaded, and the one sentence for each way in which it can fail."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.bpf import wire
from execdb.bpf.errors import KernelError
from execdb.bpf.loading import interpreters, source
from execdb.bpf.loading.child import Child
from execdb.bpf.loading.conversation import Request
from execdb.bpf.loading.explain import explain
from execdb.bpf.loading.loader import load

Only = Callable[[str], None]


def test_the_record_of_the_compiled_program_is_the_one_in_python() -> None:
    program = load()  # compares, and refuses what differs
    program.close()


def test_a_record_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wire.LAYOUT, "ppid", (16, 4))
    with pytest.raises(KernelError, match="differs from"):
        load()


def test_loading_leaks_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    load().close()
    assert os.listdir("/proc/self/fd") == before


def test_bcc_does_not_read_all_symbols_of_the_kernel(tmp_path: Path) -> None:
    """It would take longer than the rest of the compile; every BCC looks there."""
    load_once = "from execdb.bpf.loading.loader import load; load().close()"
    trace = ["strace", "-f", "-y", "-e", "trace=read", "-o", tmp_path / "trace"]
    subprocess.run([*trace, sys.executable, "-c", load_once], check=True)
    lines = (tmp_path / "trace").read_text().splitlines()
    reads = [line for line in lines if "/proc/kallsyms>" in line]
    assert reads
    assert all(line.endswith("= 0") for line in reads)


def test_the_verifier_is_soon_through() -> None:
    """It looks at a loop's body again for each value of what a register holds from step to step:
    twice as many instructions were a tenth of the time until a collector records."""
    program = load()
    fd = program.descriptors["on_exec"]
    info = dict(
        line.split(":") for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
    )
    program.close()
    assert int(info["verified_insns"]) < 100_000


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("int on_exec(void *ctx) { return nonsense; }", "undeclared identifier 'nonsense'"),
        (
            "int on_exec(void *ctx) { return *(volatile int *)0x1234; }",
            "BCC could not load the program: ",
        ),
        (
            "int on_exec(void *ctx) { volatile char b[9000]; for (int i = 0; i < 9000; i++)"
            " b[i] = i; return b[(long)ctx & 8191]; }",
            "stack limit of 512 bytes",
        ),
    ],
    ids=["compile error", "verifier error", "stack too large"],
)
def test_a_program_that_does_not_load(
    code: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "execdb.bpf.c").write_text(code)
    (tmp_path / "headers").symlink_to(source.FOLDER / "headers")
    monkeypatch.setattr(source, "FOLDER", tmp_path)
    with pytest.raises(KernelError) as caught:
        load()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_btf(tmp_path: Path) -> None:
    (tmp_path / "btf").write_bytes(b"no" * 100)
    with pytest.raises(KernelError, match="not BTF"):
        load(btf=tmp_path / "btf")


def test_no_bcc(tmp_path: Path, only: Only) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    only(str(tmp_path / "venv/bin/python"))
    with pytest.raises(KernelError, match="install python3-bpfcc"):
        load()


def test_the_bcc_of_pypi_is_recognised(tmp_path: Path, only: Only) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv/lib").glob("python3*/site-packages")
    (site / "bcc").mkdir()
    (site / "bcc/__init__.py").write_text("class Lattice: pass\n")
    only(str(tmp_path / "venv/bin/python"))
    with pytest.raises(KernelError, match="pip uninstall bcc"):
        load()


def test_a_failure_after_the_import_is_not_taken_for_another_bcc() -> None:
    """BCC raises AttributeError for a source that is not text."""
    with Child(interpreters.interpreters()[0]) as child:
        reply, _ = child.answer(Request(source=23))  # type: ignore[arg-type]
    assert explain(reply).startswith("BCC could not load the program: ")


def test_root_does_not_import_bcc_from_where_others_can_write(tmp_path: Path, only: Only) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv/lib").glob("python3*/site-packages")
    (site / "bcc").mkdir()
    (site / "bcc/__init__.py").write_text("BPF = None\n")
    (site / "bcc/__init__.py").chmod(0o666)
    only(str(tmp_path / "venv/bin/python"))
    with pytest.raises(KernelError, match="written by others"):
        load()
