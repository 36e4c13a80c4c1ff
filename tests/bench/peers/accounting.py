"""Recorders inside the kernel: audit with its daemon, and process accounting.

Both are states of the machine: they are put back as they were found.
"""

import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measure import proc
from tests.bench.peers.packages import Unavailable, output
from tests.bench.peers.recorders import Recorder

_RULE = ("always,exit", "-F", "arch=b64", "-S", "execve,execveat", "-k", "execdb-bench")
_BACKLOG = "8192"  # as Debian's audit.rules sets it
_PACCT = Path("/var/log/account/pacct")


class Auditd(Recorder):
    """auditd with the distribution's configuration, but for where the log lies.

    It runs on a copy (`-c`), so the machine's own configuration and log are never touched.
    Having been enabled once, audit goes on taxing the system calls of later processes until the
    next boot (`audit_ever_enabled` in the kernel): so it is measured last.
    """

    name = "auditd"
    program, package = "auditd", "auditd"
    files = "audit.log*"
    stop_signal = signal.SIGTERM
    _ARGUMENT = re.compile(r' a\d+(?:\[\d+\])?=("[^"]*"|[0-9A-F]+)')

    def command(self) -> Sequence[str | Path]:
        text = Path("/etc/audit/auditd.conf").read_text()
        plugins = self.folder / "plugins.d"
        plugins.mkdir(exist_ok=True)
        for key, path in {"log_file": self.folder / "audit.log", "plugin_dir": plugins}.items():
            text = re.sub(rf"(?m)^{key} *=.*$", f"{key} = {path}", text)
        config = self.folder / "auditd.conf"
        config.write_text(text)
        config.chmod(0o640)
        return ["auditd", "-n", "-c", self.folder]

    def start(self) -> None:
        self._found = _audit_state()
        if self._found["pid"] != "0":
            raise Unavailable(f"an auditd is already running (pid {self._found['pid']})")
        if self._found["enabled"] == "2":
            raise Unavailable("the audit configuration is locked until the next boot")
        super().start()
        output("auditctl", "-b", _BACKLOG)
        output("auditctl", "-a", *_RULE)

    def ready(self) -> bool:
        assert self.process
        return _audit_state()["pid"] == str(self.process.pid)

    def stop(self) -> None:
        if self.process is None:
            return
        try:
            if "execdb-bench" in output("auditctl", "-l"):
                output("auditctl", "-d", *_RULE)
        finally:
            super().stop()
        output("auditctl", "-b", self._found["backlog_limit"])
        output("auditctl", "-e", self._found["enabled"])

    def kernel_pids(self) -> list[int]:
        return proc.kernel_threads("kauditd")

    def lines(self) -> Iterator[str]:
        for path in sorted(self.folder.glob(self.files)):
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("type=EXECVE "):
                    yield " ".join(map(_audit_text, self._ARGUMENT.findall(line)))


def _audit_state() -> dict[str, str]:
    lines = output("auditctl", "-s").splitlines()
    return dict(line.split(None, 1) for line in lines if len(line.split(None, 1)) == 2)


def _audit_text(value: str) -> str:
    """Quoted, or hexadecimal where it holds blanks or worse."""
    return value[1:-1] if value.startswith('"') else bytes.fromhex(value).decode(errors="replace")


class Accounting(Recorder):
    """Process accounting: names only, one record at the end of each process."""

    name = "process accounting (acct)"
    program, package = "accton", "acct"
    _on = False

    def start(self) -> None:
        if _PACCT.exists():
            before = _PACCT.stat().st_size
            output("true")
            if _PACCT.stat().st_size != before:
                raise Unavailable("process accounting is already in use here")
        self.output.touch()
        output("accton", self.output)
        self._on = True

    def stop(self) -> None:
        if self._on:
            output("accton", "off")
            self._on = False

    def lines(self) -> Iterator[str]:
        for line in output("dump-acct", self.output).splitlines():
            yield line.partition("|")[0].strip()
