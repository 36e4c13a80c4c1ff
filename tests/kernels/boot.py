#!/usr/bin/env python3
"""Run one command under real Debian kernels, in QEMU software emulation, all at the same time.

Each kernel is downloaded with its headers (never installed) and booted with virtme-ng on a
read-only view of this machine's root; what the guest writes is gone when it ends. Needs root
and Debian's apt, on x86-64.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PACKAGES = ["qemu-system-x86", "busybox-static", "kmod", "file", "iproute2"]
VIRTME = "virtme-ng==1.42"  # pinned: LAUNCHER reaches into it
WRITABLE = ("/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/var")
DIE_TOGETHER = "setpriv --pdeathsig KILL unshare --pid --fork --kill-child"
MACHINE = "--mods auto --disable-kvm --force-9p --cpus 2 --memory 2G --show-boot-console"
KERNEL = "mitigations=off tsc=reliable oops=panic loglevel=7"
GUESTS: list[subprocess.Popen[bytes]] = []
FETCHING = threading.Lock()  # apt is not made to be run twice at a time
DIED = 255
ATTEMPTS = 2  # kernels now and then trip over emulated CPUs before anything of ours runs
PROBLEMS = {0: "", DIED: "the guest died", -signal.SIGKILL: "over the time limit"}

# virtme-ng mounts the root over 9p uncached, which makes every program several times slower.
LAUNCHER = """
import sys
from virtme import mkinitramfs as initramfs
from virtme.commands import run
initramfs._MOUNT_ROOT_HOST = initramfs._MOUNT_ROOT_HOST.replace(",msize=", ",cache=loose,msize=")
sys.exit(run.main())
"""

# Port names are udev's work, and there may be no udev. A port cannot be opened twice, so the
# command writes to a pipe. A child that it leaves behind must not hold up the end.
GUEST = """
ports=/dev/virtio-ports
if [ -e $ports/virtme.stdout ]; then
    exec 3>&1
else
    mkdir $ports
    for port in /sys/class/virtio-ports/*; do
        ln -s "../${{port##*/}}" "$ports/$(cat "$port/name")"
    done
    exec 3>$ports/virtme.stdout
fi
exec </dev/null > >(exec cat >&3) 2>&1 3>&-
reader=$!
ln -sfn /proc/self/fd/1 /dev/stdout; ln -sfn /proc/self/fd/2 /dev/stderr
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd {directory} && setsid --wait bash -c {command}
code=$?
exec >/dev/null 2>&1
timeout 5 tail --pid="$reader" -s 0.1 -f /dev/null
exit $((code == 255 ? 254 : code))
"""


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a tool of this machine that must succeed; return what it printed."""
    return subprocess.check_output(command, text=True, cwd=cwd)


def newest(names: list[str]) -> dict[str, str]:
    """Map each series among package names to its newest release; cloud and rt kernels are out."""
    image = re.compile(r"linux-image-((\d+\.\d+)\.\d+(?:-\d+|\+[^-]*)?-amd64)-unsigned")
    found = [match for match in map(image.fullmatch, names) if match]
    found.sort(key=lambda match: [int(digits) for digits in re.findall(r"\d+", match[1])])
    return {match[2]: match[1] for match in found}


def choose(wanted: list[str], cache: Path) -> dict[str, str]:
    """Pick a release per series (all that apt offers by default), from fresh lists if need be."""
    kernels = newest(call("apt-cache", "pkgnames", "linux-image-").split())
    chosen = [kernels.get(series) for series in wanted or kernels]
    if not chosen or not all(release and (cache / release).is_dir() for release in chosen):
        call("apt-get", "-q", "update")
        kernels = newest(call("apt-cache", "pkgnames", "linux-image-").split())
    return {series: kernels.get(series, "") for series in wanted or kernels}


def fetch(release: str, cache: Path) -> Path:
    """Download and unpack a kernel and its headers unless the cache has them; return the folder."""
    folder = cache / release
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    headers = {"build": f"linux-headers-{release}"}
    headers["source"] = headers["build"].replace("-amd64", "-common")
    packages = [f"linux-image-{release}-unsigned", *headers.values()]
    with tempfile.TemporaryDirectory(dir=cache) as name:
        scratch, unpacked = Path(name), Path(name, "unpacked")
        call("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages, cwd=scratch)
        for package in scratch.glob("*.deb"):
            call("dpkg-deb", "-x", package, unpacked)
        call("depmod", "-b", unpacked, release)
        for link, target in headers.items():  # the packages' own lead to the guest's /usr
            place = unpacked / "lib/modules" / release / link
            place.unlink(missing_ok=True)
            place.symlink_to(Path("../../../usr/src", target))
        unpacked.rename(folder)
    return folder


def prepare(venv: Path) -> None:
    """Install QEMU and a few tools from the distribution, and virtme-ng into the environment."""
    if subprocess.run(["dpkg", "-s", *PACKAGES], capture_output=True, check=False).returncode:
        call("apt-get", "-q", "update")
        call("apt-get", "-q", "-y", "install", "--no-install-recommends", "--no-upgrade", *PACKAGES)
    call(venv / "bin/python", "-m", "pip", "install", "-q", VIRTME)
    Path("/lib/modules").mkdir(exist_ok=True)  # where the guest mounts its modules


def guest_command(folder: Path, venv: Path, script: Path) -> list[str]:
    """Build the command that boots a kernel, and dies with its children when this process does."""
    overlays = [path for path in WRITABLE if Path(path).is_dir()]
    if not any(Path.cwd().is_relative_to(path) for path in overlays):
        overlays.append(str(Path.cwd()))
    image = f"--kimg={folder}/boot/vmlinuz-{folder.name}"
    command = [*DIE_TOGETHER.split(), str(venv / "bin/python"), "-c", LAUNCHER, image]
    command += [*MACHINE.split(), f"--script-sh=exec bash {shlex.quote(str(script))}"]
    command += [f"--overlay-rwdir={path}" for path in overlays]
    return command + [f"--kopt={option}" for option in KERNEL.split()]


def supervise(
    command: list[str], scratch: str, timeout: float, title: bytes
) -> tuple[int, int, list[bytes]]:
    """Run a guest to its end, passing its lines on with a title before each; return its code, how
    many lines that were, and the console's end."""
    console: deque[bytes] = deque(maxlen=60)
    said = 0
    null, pipe, env = subprocess.DEVNULL, subprocess.PIPE, os.environ | {"TMPDIR": scratch}
    with subprocess.Popen(
        command, stdin=null, stdout=pipe, stderr=pipe, env=env, start_new_session=True
    ) as guest:
        assert guest.stdout is not None
        reader = threading.Thread(target=console.extend, args=(guest.stderr or (),))
        GUESTS.append(guest)
        alarm = threading.Timer(timeout, guest.kill)
        reader.start()
        alarm.start()
        try:
            for line in guest.stdout:
                said += 1
                sys.stdout.buffer.write(title + line.rstrip(b"\r\n") + b"\n")
                sys.stdout.flush()
            return guest.wait(), said, list(console)
        finally:
            alarm.cancel()
            guest.kill()
            reader.join()


def run(release: str, args: argparse.Namespace) -> str:
    """Run the command under one kernel; return what went wrong, if anything."""
    line = args.command[0] if len(args.command) == 1 else shlex.join(args.command)
    words = {"directory": shlex.quote(os.getcwd()), "command": shlex.quote(line)}
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch, "guest.sh")
        script.write_text(GUEST.format(**words), encoding="utf-8", errors="surrogateescape")
        with FETCHING:
            folder = fetch(release, args.cache)
        command = guest_command(folder, args.venv, script)
        title = f"{release} | ".encode()
        for _ in range(ATTEMPTS):
            code, said, console = supervise(command, scratch, args.timeout, title)
            if code and not any(b"script exited" in text for text in console):
                text = b"".join(console).decode(errors="replace")
                print(f"\n--- the end of {release}'s console:", text, sep="\n", flush=True)
            if code != DIED or said:
                break
    return PROBLEMS.get(code, f"exit {code}")


def attempt(series: str, release: str, args: argparse.Namespace) -> str:
    """Run the command under one kernel, whatever happens; return the line for the summary."""
    start = time.monotonic()
    try:
        problem = run(release, args) if release else "not offered by the configured sources"
    except (OSError, subprocess.CalledProcessError) as error:
        problem = str(error)
    verdict = f"FAILED ({problem})" if problem else "ok"
    return f"kernel {release or series}: {verdict}, {time.monotonic() - start:.0f} s"


def attempt_all(kernels: dict[str, str], args: argparse.Namespace) -> list[str]:
    """Run the command under every kernel at once; return a line for each."""
    with ThreadPoolExecutor(len(kernels) or 1) as pool:
        lines = pool.map(attempt, kernels, kernels.values(), [args] * len(kernels))
        try:
            return list(lines)
        except KeyboardInterrupt:
            for guest in GUESTS:
                guest.kill()
            raise


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    option = parser.add_argument
    option("--venv", type=Path, required=True, help="virtual environment that gets virtme-ng")
    option("--cache", type=Path, default=Path("build/kernels"), help="folder for unpacked kernels")
    option("--series", action="append", default=[], help="such as 6.1; repeatable (default: all)")
    option("--timeout", type=float, default=900, help="seconds for one kernel (default: 900)")
    option("command", nargs="+", help="one word: a shell command; several: a program's own")
    args = parser.parse_args()
    args.venv, args.cache = args.venv.absolute(), args.cache.absolute()
    return args


def main() -> int:
    """Run the command under every wanted kernel and say how it went."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to leave through the clean-ups
    args = parse()
    try:
        prepare(args.venv)
        lines = attempt_all(choose(args.series, args.cache), args)
    except KeyboardInterrupt:
        return 130
    print("", *lines, sep="\n")
    return int(not lines or any("FAILED" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
