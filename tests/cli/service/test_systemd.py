"""What is read from systemd and from the processes that it started."""

import pytest

from execdb.cli.service.systemd import long_options


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("execdb collect --keep 7d --max-size 2GB", {"keep": "7d", "max-size": "2GB"}),
        ("execdb collect --keep=7d --attempts --max-size=2GB", {"keep": "7d", "max-size": "2GB"}),
        ("execdb collect --keep 7d --keep=30d", {"keep": "30d"}),
        ("execdb collect --redact= --keep", {"redact": "", "keep": ""}),
        ("", {}),
    ],
)
def test_options_are_found_however_they_were_written(line: str, found: dict[str, str]) -> None:
    assert found.items() <= long_options(line.split()).items()
