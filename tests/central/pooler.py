"""pgbouncer before a server, in transaction mode: clients share few of the server's processes."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.central.conftest import FORWARDER, READER
from tests.central.server import ADMIN, PASSWORD, Server, free_port, wait_until
from tests.processes.process import Process

_SETTINGS = """\
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {processes}
max_client_conn = 200
auth_type = scram-sha-256
auth_file = {folder}/users
server_tls_sslmode = require
client_tls_sslmode = require
client_tls_cert_file = {server.data}/server.crt
client_tls_key_file = {server.data}/server.key
pidfile = {folder}/pid
logfile = {folder}/log
"""


@dataclass(frozen=True)
class Pooler:
    """`url` is as a server's."""

    server: Server
    port: int

    def url(self, database: str, user: str, password: str = PASSWORD) -> str:
        return self.server.url(database, user, self.port, password)


@contextlib.contextmanager
def pooler(server: Server, processes: int = 2) -> Iterator[Pooler]:
    """With at most so many of the server's processes for each login and database."""
    folder, port = server.folder / "pooler", free_port()
    folder.mkdir()
    users = "".join(f'"{name}" "{PASSWORD}"\n' for name in (ADMIN, FORWARDER, READER))
    (folder / "users").write_text(users)
    settings = _SETTINGS.format(server=server, port=port, processes=processes, folder=folder)
    (folder / "ini").write_text(settings)
    shutil.chown(folder, server.folder.owner(), server.folder.group())
    command = [*server.as_user, "pgbouncer", "-q", str(folder / "ini")]
    with Process(command, stderr=subprocess.DEVNULL, cwd="/") as process:
        try:
            wait_until((folder / "pid").exists)
            yield Pooler(server, port)
        finally:
            process.kill()
    shutil.rmtree(folder)
