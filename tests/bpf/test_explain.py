"""How to get BCC, by distribution: files as os-release(5) describes them."""

from pathlib import Path

import pytest

from execdb.bpf.loading.explain import how_to_get_bcc


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("ID=debian\n", "sudo apt install python3-bpfcc"),
        (
            'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n',
            "sudo apt install python3-bpfcc",
        ),
        ("ID=fedora\n", "sudo dnf install python3-bcc"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install python3-bcc"),
        ("ID=arch\n", "sudo pacman -S python-bcc"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "sudo zypper install python3-bcc"),
    ],
)
def test_the_command_of_a_distribution(tmp_path: Path, text: str, command: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(text)
    assert how_to_get_bcc(path) == command


@pytest.mark.parametrize("text", [None, "", "ID=slackware\n", "no equals sign"])
def test_of_an_unknown_one_all_names_are_said(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "os-release"
    if text is not None:
        path.write_text(text)
    told = how_to_get_bcc(path)
    assert "python3-bpfcc (Debian, Ubuntu)" in told
    assert "python-bcc (Arch)" in told
