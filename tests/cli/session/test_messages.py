"""What a recording says at its end."""

from types import SimpleNamespace
from typing import cast

import pytest

from execdb.cli.session.messages import warn_of_missing_ends
from execdb.collector.kernel_source import KernelSource


@pytest.mark.parametrize(
    ("ends_lost", "given_up", "untracked", "said"),
    [
        (0, 0, 0, ""),
        (1, 0, 0, "warning: some rows have no end: lost 1 end\n"),
        (10, 5, 0, "warning: some rows have no end: lost 15 ends\n"),
        (0, 0, 1, "warning: some rows have no end: could not follow 1 image\n"),
        (1, 1, 2, "warning: some rows have no end: lost 2 ends and could not follow 2 images\n"),
    ],
)
def test_ends_that_are_missing(
    ends_lost: int, given_up: int, untracked: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = SimpleNamespace(ends_lost=ends_lost, untracked=untracked)
    source = cast("KernelSource", SimpleNamespace(counts=lambda: counts))
    warn_of_missing_ends(source, given_up)
    assert capsys.readouterr().err == said
