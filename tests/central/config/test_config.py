"""The config in the central store, and how it comes to the hosts."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from execdb.store.central.config import documents
from execdb.store.central.config.documents import Scope, read_document, write_document
from execdb.store.central.errors import CentralError
from execdb.store.central.shipping.outbox import Outbox
from execdb.store.central.shipping.shipper import ShipOptions, Shipper
from execdb.store.central.url import CentralUrl
from execdb.store.config.snapshot import Config, read_config
from execdb.store.file.database import open_database
from tests.central.conftest import Central
from tests.central.shippers import BOOT_ID
from tests.central.stores import Recorder, some_execs
from tests.conftest import MACHINE, Answer

Run = Callable[..., Answer]


@pytest.fixture
def config(central: Central, run: Run) -> Callable[..., str]:
    """execdb config of the store, by an owner."""

    def command(*arguments: str) -> str:
        code, out, err = run("config", *arguments, "--db", central.admin)
        assert (code, err) == (0, ""), err
        return out

    return command


def ship(path: Path, central: Central, group: str | None = None) -> None:
    """One step of a forwarder that takes the config."""
    options = ShipOptions(group, config=True)
    with open_database(path) as database:
        outbox = Outbox(database, BOOT_ID, 0, None)
        with closing(Shipper(outbox, CentralUrl(central.url), options)) as shipper:
            for _ in shipper.step():
                pass


def config_of(path: Path) -> Config:
    with open_database(path) as database, database.reading() as connection:
        return read_config(connection)


def a_host(path: Path, name: str = "web1") -> Path:
    recorder = Recorder(path, replace(MACHINE, host=name))
    recorder.write(some_execs(3))
    recorder.close()
    return path


def test_the_same_commands_change_and_show_it(config: Callable[..., str]) -> None:
    assert config("set", "0", "Hey root!") == (
        'uid 0: "Hey root!" (for all hosts, generation 1 of the central store)\n'
    )
    assert "for group web, generation 2" in config("set", "0", "Hey web!", "--group", "web")
    config("default", "Hi", "--host", "web1")
    config("ignore", "comm=sed", "--group", "web", "--note", "noise")
    config("ignore", "comm=awk", "--group", "web")
    config("limit", "33", "--execs", "50")
    assert config("get", "0") == "Hey root!\n"
    assert config("list", "--group", "web") == "default Hello World\n0 Hey web!\n"
    assert config("default", "--host", "web1") == "Hi\n"
    rules = config("rules", "--group", "web")
    assert rules == "1 ignore comm=sed  0 filtered  # noise\n2 ignore comm=awk  0 filtered\n"
    config("remove", "1", "--group", "web")
    assert config("rules", "--group", "web") == "1 ignore comm=awk  0 filtered\n"
    assert "uid 33: execs 50" in config("limit")
    config("unset", "0")
    assert config("list") == "default Hello World\n"
    assert "execs = 50" in config("export")


def test_a_file_can_be_applied(config: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[messages]\n0 = "Hey root!"\n')
    assert "+ uid 0" in config("apply", str(file), "--dry-run")
    assert config("list") == "default Hello World\n"
    assert "generation 1 of the central store" in config("apply", str(file))
    assert config("get", "0") == "Hey root!\n"
    assert "nothing to change" in config("apply", str(file))


def test_host_over_group_over_all(
    config: Callable[..., str], central: Central, own_database: Path
) -> None:
    a_host(own_database)
    for scope, name in (((), "all"), (("--group", "web"), "group"), (("--host", "web1"), "host")):
        config("ignore", f"comm={name}", *scope)
        config("set", "7", name, *scope)
    config("set", "5", "all")
    config("set", "6", "all")
    config("set", "6", "group", "--group", "web")
    config("default", "group", "--group", "web")
    config("limit", "9", "--execs", "50")
    config("set", "8", "other", "--host", "web2")
    ship(own_database, central, "web")
    found = config_of(own_database)
    assert found.entries == {5: "all", 6: "group", 7: "host"}
    assert found.default == "group"
    assert [rule.terms for rule in found.rules] == [("comm=host",), ("comm=group",), ("comm=all",)]
    assert found.limits[9].execs == 50
    ship(own_database, central, None)  # it has left the group
    assert config_of(own_database).entries == {5: "all", 6: "all", 7: "host"}
    assert config_of(own_database).default == "Hello World"


def test_one_change_there_is_one_change_here_and_no_change_is_none(
    config: Callable[..., str], central: Central, own_database: Path
) -> None:
    a_host(own_database)
    config("set", "0", "Hey root!")
    ship(own_database, central)
    before = config_of(own_database).generation
    ship(own_database, central)
    assert config_of(own_database).generation == before
    config("set", "0", "Hey!")
    ship(own_database, central)
    assert config_of(own_database).generation == before + 1


def test_while_it_is_managed_a_local_change_is_refused_until_it_is_not(
    config: Callable[..., str], central: Central, run: Run, own_database: Path
) -> None:
    a_host(own_database)
    config("set", "0", "Hey root!")
    ship(own_database, central)
    for command in (
        ("set", "0", "x"),
        ("unset", "0"),
        ("default", "x"),
        ("ignore", "comm=x"),
        ("limit", "0", "--execs", "1"),
    ):
        code, out, err = run("config", *command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "comes from postgresql://web1:***@" in err
    assert run("config", "get", "0").out == "Hey root!\n"
    with open_database(own_database) as database, database.writing() as connection:
        connection.execute("UPDATE config SET message = 'mine'")  # by plain SQL
    ship(own_database, central)
    assert config_of(own_database).entries == {0: "Hey root!"}
    code, _, err = run("ship", "--to", central.url, "--once")
    assert code == 0
    assert "itself again" in err
    assert run("config", "set", "0", "mine").code == 0


def test_two_operators_at_once_one_is_told(central: Central, config: Callable[..., str]) -> None:
    url, scope = CentralUrl(central.admin), Scope()
    before = read_document(url, scope)
    config("set", "0", "first")
    with pytest.raises(CentralError, match="somebody else"):
        write_document(url, scope, before, before.wanted, "set", [])
    assert config("get", "0") == "first\n"


def test_hosts_says_who_has_what_and_why_not(
    config: Callable[..., str], central: Central, run: Run, tmp_path: Path, own_database: Path
) -> None:
    assert config("hosts") == "no host has shipped anything yet\n"
    a_host(own_database, "web1")
    assert run("ship", "--to", central.url, "--once").code == 0
    config("set", "0", "Hey root!")
    other = a_host(tmp_path / "web2.db", "web2")
    ship(other, central, "web")
    first, second = config("hosts").splitlines()
    assert first == (
        "web1: newest 1, file none, kernel none, lags: its forwarder does not take the config"
        " (ship --config)"
    )
    assert second == "web2 (web): newest 1, file 1, kernel none, lags: no collector is running"
    for number in range(65):
        config("ignore", f"comm=x{number}", *(() if number < 40 else ("--group", "web")))
    ship(other, central, "web")
    told = {each["host"]: each for each in json.loads(config("hosts", "--format", "json"))}
    assert told["web2"]["lags"]
    assert told["web2"]["in_file"] == 1
    assert "65 rules, and 64 fit" in told["web2"]["why"]


def test_who_may_change_what(central: Central, run: Run) -> None:
    for url in (central.url, central.reader):
        code, _, err = run("config", "set", "0", "x", "--db", url)
        assert (code, err.count("\n")) == (1, 1)
        assert "execdb_owner" in err
    with psycopg.connect(central.url, autocommit=True) as connection:
        for sql in (
            "INSERT INTO execdb.config VALUES ('all', '', '{}', 9)",
            "UPDATE execdb.config SET document = ''",
            "DELETE FROM execdb.host_config",
            "INSERT INTO execdb.host_config (host, shipper) VALUES ('web1', 'other')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.encode())


def test_what_is_no_config_is_told_and_changes_nothing(
    central: Central, config: Callable[..., str], own_database: Path
) -> None:
    a_host(own_database)
    config("set", "0", "Hey root!")
    ship(own_database, central)
    huge = f'{{"messages": {{"0": "{"x" * 40_000_000}"}}}}'
    for document in (
        '{"messages": {"0": "much too long a message"}}',
        "[]",
        '{"rules": [1]}',
        huge,
    ):
        central.rows(
            "UPDATE execdb.config SET document = %s, generation = generation + 1", document
        )
        ship(own_database, central)
        assert config_of(own_database).entries == {0: "Hey root!"}
        assert "lags" in config("hosts")


def test_wrong_usage(central: Central, run: Run, own_database: Path) -> None:
    for arguments in (
        ("set", "0", "x", "--group", "web"),
        ("set", "0", "x", "--group", "web", "--host", "h", "--db", central.admin),
        ("set", "0", "x", "--host", "", "--db", central.admin),
        ("set", "0", "a message that is too long", "--db", central.admin),
        ("hosts",),
    ):
        code, _, err = run("config", *arguments)
        assert (code, err.count("\n")) == (2, 1), arguments
    assert not own_database.exists()


def test_the_log_of_the_store_says_who_changed_what(
    central: Central, config: Callable[..., str]
) -> None:
    config("set", "0", "Hey root!", "--group", "web")
    rows = central.rows("SELECT scope, name, subject, after, changed_by FROM execdb.config_edit")
    assert rows == [("group", "web", "uid 0", "Hey root!", "boss")]
    assert documents.Scope() == Scope("all", "")
