"""The second unit: its text, and that no password is in it."""

import stat
from pathlib import Path

import pytest

from execdb.cli.service import places
from execdb.cli.service.changes import write_all
from execdb.cli.service.forwarder import plan
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from tests.cli.conftest import Run

DATABASE = Path("/var/lib/execdb/execdb.db")
SECRET = "hunter2:\\x"
INSTALL = ("--db", str(DATABASE), "service", "install", "--print", "--ship-to")


def texts(url: str, password: str | None = None, database: Path = DATABASE) -> dict[Path, str]:
    where, found = plan.url_of(url, password)
    return {file.path: file.text for file in plan.files_for(where, database, found)}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://web1:hunter2%3A%5Cx@db/h", "postgresql://web1@db/h"),
        ("postgresql://web1@db/h?password=hunter2%3A%5Cx&sslmode=verify-full",
         "postgresql://web1@db/h?sslmode=verify-full"),
        ("postgresql:///h?host=%2Frun%2Fx&password=hunter2%3A%5Cx", "postgresql:///h?host=%2Frun%2Fx"),
    ],
)  # fmt: skip
def test_the_password_is_in_a_file_of_its_own(url: str, shown: str) -> None:
    found = texts(url)
    unit = found[places.SHIP_UNIT_FILE]
    assert "hunter2" not in unit
    assert f"ship --to {shown.replace('%', '%%')}\n" in unit
    assert "Environment=PGPASSFILE=/etc/execdb-ship.pgpass\n" in unit
    assert found[places.SHIP_PASSWORD_FILE].splitlines()[0] == "*:*:*:*:hunter2\\:\\\\x"


def test_the_password_of_the_environment_is_taken_if_the_url_has_none() -> None:
    assert places.SHIP_PASSWORD_FILE not in texts("postgresql://web1@db/h")
    assert "*:*:*:*:pg\n" in texts("postgresql://web1@db/h", "pg")[places.SHIP_PASSWORD_FILE]
    own = texts("postgresql://web1:own@db/h", "pg")[places.SHIP_PASSWORD_FILE]
    assert own.startswith("*:*:*:*:own\n")


@pytest.mark.parametrize(
    "url",
    [
        "execdb.db",
        "postgresql://web1:a@b@db/h",
        "postgresql://web1:a#b@db/h",
        "postgresql://web1@db/h?sslpassword=x",
        "postgresql://web1@db/h?sslrootcert=ca.crt",
        "postgresql://web1@db/h?sslrootcert=/root/ca.crt",
        "postgresql://web1@db/h?sslkey=/home/web1/key",
        "postgresql://web1@[db/h",
    ],
)
def test_a_url_that_the_service_cannot_use_is_refused(run: Run, url: str) -> None:
    code, _, err = run(*INSTALL, url)
    assert (code, err.count("\n")) == (2, 1)


def test_a_password_of_two_lines_is_refused() -> None:
    with pytest.raises(UsageError):
        plan.url_of("postgresql://web1:a%0Ab@db/h", None)


def test_print_shows_the_unit_and_not_the_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    code, out, err = run(*INSTALL, "postgresql://web1:hunter2@db/h?sslmode=verify-full")
    assert (code, err) == (0, "")
    assert "# /etc/systemd/system/execdb-ship.service\n[Unit]\n" in out
    assert "# /etc/execdb-ship.pgpass\n" in out
    assert "hunter2" not in out
    assert "execdb-ship.service" not in run(*INSTALL[:-1]).out


def test_the_unit_is_hardened_and_may_only_read_the_history() -> None:
    unit = texts("postgresql://web1@db/h")[places.SHIP_UNIT_FILE]
    for line in (
        *("User=execdb-ship", "SupplementaryGroups=execdb", "ProtectSystem=strict"),
        *("CapabilityBoundingSet=", "NoNewPrivileges=yes", "ProtectHome=tmpfs"),
        *("RestartPreventExitStatus=2", "UMask=0077"),
    ):
        assert f"{line}\n" in unit
    assert "ReadWritePaths" not in unit
    assert "ExecStart=" in unit
    other = texts("postgresql://web1@db/h", database=Path("/srv/x.db"))[places.SHIP_UNIT_FILE]
    assert "--db /srv/x.db\n" in other


def test_a_private_file_stays_private(tmp_path: Path) -> None:
    path, blocked = tmp_path / "pgpass", tmp_path / "pgpass/no-folder"
    write_all({path: "secret"}, private={path})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OSError, match="pgpass"):
        write_all({path: "other", blocked: "x"}, private={path})
    assert path.read_text() == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_url_without_its_password_connects_to_the_same_place() -> None:
    for text in ("postgresql:///h", "postgres://db", "postgresql://u@h:5433,h2/d?x=a%20b"):
        url, password = CentralUrl(text).without_password()
        assert (url.text, password) == (text, None)


def test_only_one_that_takes_the_config_may_write_to_the_history(run: Run) -> None:
    url, _ = plan.url_of("postgresql://web1@db/h", None)
    unit = {f.path: f.text for f in plan.files_for(url, DATABASE, None, config=True)}[
        places.SHIP_UNIT_FILE
    ]
    assert "--config\n" in unit
    assert "User=execdb\n" in unit
    assert "ReadWritePaths=/var/lib/execdb\n" in unit
    done = run("--db", str(DATABASE), "service", "install", "--print", "--ship-config")
    assert (done.code, done.err.count("\n")) == (2, 1)
