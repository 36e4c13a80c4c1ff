"""One sentence for the user for each way in which a loader child can fail."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from execdb.bpf.loading.conversation import TIMEOUT_S

_LINE_MAX = 300  # characters of a compiler's line that are shown

_NO_BCC = "BCC for Python is missing: "
_EVERYWHERE = "install python3-bpfcc (Debian, Ubuntu), python3-bcc (Fedora) or python-bcc (Arch)"
# By ID and ID_LIKE of os-release(5).
_COMMANDS = {
    "debian": "apt install python3-bpfcc",
    "ubuntu": "apt install python3-bpfcc",
    "fedora": "dnf install python3-bcc",
    "rhel": "dnf install python3-bcc",
    "arch": "pacman -S python-bcc",
    "suse": "zypper install python3-bcc",
    "opensuse": "zypper install python3-bcc",
}


def how_to_get_bcc(os_release: Path = Path("/etc/os-release")) -> str:
    """The command of this distribution, or the names of the packages of several."""
    try:
        lines = os_release.read_text("utf-8", "replace").splitlines()
    except OSError:
        return _EVERYWHERE
    values = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    for name in f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".split():
        if name in _COMMANDS:
            return f"sudo {_COMMANDS[name]}"
    return _EVERYWHERE


def explain(reply: Mapping[str, Any]) -> str:
    """The sentence for a reply with an `error`."""
    detail, output = str(reply.get("detail", "")), str(reply.get("output", ""))
    match reply.get("error"):
        case "no bcc":
            return _NO_BCC + how_to_get_bcc()
        case "wrong bcc":
            return (
                f"the bcc module at {detail} is PyPI's, an unrelated package, not the BPF Compiler "
                f"Collection: remove it (pip uninstall bcc); {_NO_BCC}{how_to_get_bcc()}"
            )
        case "unsafe bcc":
            return f"not importing bcc as root: {detail} can be written by others than root"
        case "hangs":
            return f"the BCC loader did not finish within {TIMEOUT_S} s; run execdb doctor"
        case "died":
            why = first_error(output) or detail or "it was killed"
            return f"the BCC loader ended without an answer: {why}"
    return f"BCC could not load the program: {first_error(output) or detail}"


def first_error(output: str) -> str:
    """The line of a compiler's or the verifier's output that says what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    return (errors or lines[-1:] or [""])[0][:_LINE_MAX]
