"""What is read from systemd and from the processes that it started."""

from pathlib import Path

import pytest

from execdb.cli.service import systemd
from execdb.cli.service.systemd import long_options
from execdb.store.errors import ExecdbError


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


_JOURNAL = """#!/bin/sh
# One error, of 1000 s after 1970, as journalctl(1) selects it.
for word in "$@"; do
    case $word in
        --sync) exit 0 ;;
        --since=@*) since=${word#--since=@} ;;
    esac
done
test "${since%.*}" -gt 1000 || echo "an old error"
"""


def test_a_start_that_fails_is_not_explained_by_an_older_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {"systemctl": "#!/bin/sh\necho it timed out >&2; exit 1\n", "journalctl": _JOURNAL}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setitem(systemd._ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")
    assert systemd.why_it_failed() == "an old error"
    with pytest.raises(ExecdbError, match=r"systemctl start execdb\.service: it timed out"):
        systemd.start("execdb.service")
