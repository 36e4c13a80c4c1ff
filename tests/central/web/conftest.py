"""The page of a central store, as it is served, and a browser to look at it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from execdb.cli import main
from tests.central.asking.histories import a_build, oddities
from tests.central.conftest import Central, another, drop
from tests.central.server import Server
from tests.cli.web.conftest import Served, browser, serve, serving, visit
from tests.conftest import MACHINE

__all__ = ["browser", "serve", "visit"]
HOSTILE = "odd\x1b[31m<b>&'"


@pytest.fixture(scope="module")
def hosts(
    server: Server, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Central]:
    """web1, web2 and a host whose name is hostile, with the same ids."""
    central = another(server, template_database)
    folder = tmp_path_factory.mktemp("hosts")
    a_build(folder / "web1.db", "web1")
    for number, name in enumerate(("web2", HOSTILE)):
        machine = replace(MACHINE, host=name, boot_id=f"boot of host {number}")
        oddities(folder / f"{number}.db", machine)
    for path in sorted(folder.glob("*.db")):
        assert main.run(["ship", "--to", central.url, "--once", "--db", str(path)]) == 0
    yield central
    drop(central)


@pytest.fixture(scope="module")
def page(hosts: Central) -> Iterator[Served]:
    with serving(hosts.reader) as served:
        yield served
