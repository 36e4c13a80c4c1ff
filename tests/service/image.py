"""Podman, with a storage of its own in a temporary folder: an image, and containers of it."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service.machine import ROOT, make_root

_PROJECT = Path(__file__).parents[2]
_PACKAGES = ("podman", "runc")


def recipe() -> list[str]:
    """The options of `docker run` that docs/operations.md gives, but for `-d` and the image."""
    text = (_PROJECT / "docs/operations.md").read_text().replace("\\\n", "")
    (line,) = re.findall(r"^docker run (-d .* execdb)$", text, re.MULTILINE)
    return str(line).split()[1:-1]


class Podman:
    """`base` is an image of Debian with the packages that execdb needs."""

    base = "localhost/debian-with-bcc"

    def __init__(self, folder: Path) -> None:
        self._command: list[str | Path]
        self._command = ["podman", "--root", folder / "root", "--runroot", folder / "run"]
        # Of its two runtimes, runc also knows machines with both versions of control groups.
        self._command += ["--runtime", "runc", "--tmpdir", folder / "tmp"]

    def try_(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, *words], capture_output=True, text=True, timeout=300)

    def run(self, *words: str | Path) -> str:
        """stdout of what must succeed."""
        done = self.try_(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def build(self, context: Path, name: str) -> None:
        """From the project's Containerfile and the wheels in `context`/dist."""
        self.run(
            "build", "-q", "--isolation", "chroot", "--env", "PIP_NO_INDEX=1", "--build-arg",
            f"BASE={self.base}", "-f", _PROJECT / "Containerfile", "-t", name, context,
        )  # fmt: skip


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """With the base image. Nothing is left of it."""
    if not all(map(shutil.which, _PACKAGES)):
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends"]
        subprocess.run([*command, *_PACKAGES], check=True)
    make_root()
    found = Podman(folder)
    archive = folder / "base.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(ROOT, ".")
    found.run("import", "-q", archive, Podman.base)
    archive.unlink()
    try:
        yield found
    finally:
        found.run("rm", "-f", "-a")
        found.run("rmi", "-f", "-a")


# A container's own limits may be above what this machine allows.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
