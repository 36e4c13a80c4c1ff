"""Podman, with a storage of its own in a temporary folder, or a Docker daemon that is told of by
EXECDB_TEST_DOCKER (unix:///run/docker.sock): an image, and containers of it."""

import os
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
DOCKER = "EXECDB_TEST_DOCKER"


def recipe() -> list[str]:
    """The options of `docker run` that docs/operations.md gives, but for `-d` and the image."""
    text = (_PROJECT / "docs/operations.md").read_text().replace("\\\n", "")
    (line,) = re.findall(r"^docker run (-d .* execdb)$", text, re.MULTILINE)
    return str(line).split()[1:-1]


class Engine:
    """`base` is an image of Debian with the packages that execdb needs; `options` are those that
    this engine needs beside the documented ones."""

    base = "localhost/debian-with-bcc"
    name: str
    options: tuple[str, ...] = ()
    build_options: tuple[str, ...] = ()
    _command: list[str | Path]

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
            "build", "-q", *self.build_options, "--build-arg", f"BASE={self.base}",
            "-f", _PROJECT / "Containerfile", "-t", name, context,
        )  # fmt: skip

    def close(self) -> None:
        """Removes the containers and images of the tests."""
        raise NotImplementedError


class Podman(Engine):
    name = "podman"
    options = ("--security-opt=seccomp=unconfined",)  # as docs/operations.md says of podman
    build_options = ("--isolation", "chroot")

    def __init__(self, folder: Path) -> None:
        if not all(map(shutil.which, _PACKAGES)):
            command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends"]
            subprocess.run([*command, *_PACKAGES], check=True)
        self._command = ["podman", "--root", folder / "root", "--runroot", folder / "run"]
        # Of its two runtimes, runc also knows machines with both versions of control groups.
        self._command += ["--runtime", "runc", "--tmpdir", folder / "tmp"]

    def close(self) -> None:
        self.run("rm", "-f", "-a")
        self.run("rmi", "-f", "-a")


class Docker(Engine):
    name = "docker"
    build_options = ("--network", "none")

    def __init__(self, host: str) -> None:
        self._command = ["docker", "--host", host]

    def close(self) -> None:
        self.try_("rm", "-f", "execdb")
        self.run("rmi", "-f", "execdb", self.base)


@contextmanager
def engine_named(name: str, folder: Path) -> Iterator[Engine]:
    """With the base image. Nothing is left of it."""
    make_root()
    found = Podman(folder) if name == "podman" else Docker(os.environ[DOCKER])
    archive = folder / "base.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(ROOT, ".")
    found.run("import", "--change", "ENV PIP_NO_INDEX=1", archive, found.base)
    archive.unlink()
    try:
        yield found
    finally:
        found.close()


# A container's own limits may be above what this machine allows.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
