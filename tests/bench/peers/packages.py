"""The distribution's packages: peers to compare with, and the source of GNU hello."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_POLICY = Path("/usr/sbin/policy-rc.d")
_SOURCES = """Types: deb-src
URIs: http://deb.debian.org/debian
Suites: {suite}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
SBIN = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C"}


class Unavailable(Exception):
    """A peer cannot run here; the text says why."""


def which(program: str) -> str | None:
    return shutil.which(program, path=SBIN["PATH"])


def output(*command: str | Path, timeout_s: float = 60) -> str:
    """A command's stdout. Raises Unavailable with what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s, env=SBIN
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{command[0]}: {said[-1] if said else done.returncode}")
    return done.stdout


def ensure(program: str, package: str) -> None:
    """Installs what is missing, starting no service. Raises Unavailable."""
    if which(program):
        return
    if not which("apt-get"):
        raise Unavailable(f"{program} is not installed, and there is no apt-get")
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    with _no_services():
        output(*apt, "update", timeout_s=300)
        output(*apt, "install", "-y", "--no-install-recommends", package, timeout_s=600)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Debian's way to say that an installation must not start daemons (policy-rc.d)."""
    if _POLICY.exists() or _POLICY.is_symlink():
        yield  # whoever put it there has decided
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def version(package: str) -> str:
    """The installed version, or nothing."""
    with contextlib.suppress(Unavailable):
        return output("dpkg-query", "-W", "-f", "${Version}", package)
    return ""


def fetch_hello(folder: Path) -> Path:
    """The unpacked source of GNU hello, checked by apt, with package lists of its own.

    Raises Unavailable.
    """
    suite = output("sh", "-c", '. /etc/os-release; echo "$VERSION_CODENAME"').strip()
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "hello.sources").write_text(_SOURCES.format(suite=suite))
    options = {
        "Dir::Etc::sourcelist": folder / "hello.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",  # a private folder
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items())]
    output(*apt, "update", timeout_s=300)
    output("sh", "-c", 'cd "$1" && shift && "$@"', "sh", folder, *apt, "source", "--download-only",
           "hello", timeout_s=300)  # fmt: skip
    (archive,) = folder.glob("hello_*.orig.tar.gz")
    source = folder / "hello"
    source.mkdir()
    output("tar", "-xf", archive, "-C", source, "--strip-components=1")
    return source
