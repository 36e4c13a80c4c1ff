"""A PostgreSQL server of our own: in a temporary folder, as an unprivileged user, on a loopback
port with TLS by a certificate authority of our own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

_USERS = "postgres", "nobody"  # one that exists; the server refuses to run as root
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # a killed server is not a power failure
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "ssl": "on",
    "log_statement": "none",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
ADMIN, PASSWORD = "boss", "s3cret-Word"


def tool(name: str) -> str:
    """The path of one of the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name) or name


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """Started with `start`; `stop` and `kill` may be followed by another `start`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.as_user: Sequence[str] = ()
        self.wrap: Sequence[str] = ()  # a command that is given pg_ctl to start it
        if os.geteuid() == 0:
            user = next(name for name in _USERS if _exists(name))
            self.as_user = (
                "setpriv",
                f"--reuid={user}",
                f"--regid={_group(user)}",
                "--clear-groups",
            )
            shutil.chown(folder, user)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            tool("initdb"), "-D", str(self.data), "-U", ADMIN, "-N", "-E", "UTF8",
            "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password}",
        )  # fmt: skip
        make_ca(self.ca)
        self.make_certificate()
        self.configure(**_SETTINGS, port=str(self.port), unix_socket_directories=str(folder))

    def configure(self, **settings: str) -> None:
        """For the next start."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """Of the process that starts all others, while it runs."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed the server's."""
        return self.folder / "ca.crt"

    def _run(self, *command: str, wrap: Sequence[str] = ()) -> None:
        done = subprocess.run(
            [*wrap, *self.as_user, *command], capture_output=True, text=True, cwd="/", timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def make_certificate(self, days: int = 2) -> None:
        """Another one for the server, valid for so many days, which it shows after a `reload`."""
        certificate, key = self.data / "server.crt", self.data / "server.key"
        make_certificate(self.ca, certificate, key, days=days)
        if self.as_user:
            for path in (certificate, key):
                path.chmod(0o600)
                shutil.chown(path, self.folder.owner(), self.folder.group())

    def start(self) -> None:
        self._run(
            *(tool("pg_ctl"), "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "start"),
            wrap=self.wrap,
        )

    def reload(self) -> None:
        self._run(tool("pg_ctl"), "-D", str(self.data), "reload")

    def stop(self, mode: str = "fast") -> None:
        self._run(tool("pg_ctl"), "-D", str(self.data), "-w", "-m", mode, "stop")

    def kill(self) -> None:
        """As a crash would end it: no checkpoint, nothing is said to clients."""
        self.stop("immediate")

    def url(
        self, database: str, user: str = ADMIN, port: int | None = None, password: str = PASSWORD
    ) -> str:
        return (
            f"postgresql://{user}:{password}@127.0.0.1:{port or self.port}/{database}"
            f"?sslmode=verify-ca&sslrootcert={self.ca}"
        )

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """As a superuser, in autocommit mode."""
        return psycopg.connect(self.url(database), autocommit=True)


def make_ca(path: Path) -> None:
    """A certificate authority: its certificate there, its key beside it."""
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", "/CN=authority of the tests", "-days", "2", "-keyout", f"{path}.key",
        "-out", str(path),
    )  # fmt: skip


def make_certificate(
    ca: Path, path: Path, key: Path, name: str = "localhost", days: int = 2
) -> None:
    """A server's certificate, signed by that authority, for so many days from now."""
    request = f"{path}.csr"
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", f"/CN={name}", "-keyout", str(key), "-out", request,
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", request, "-CA", str(ca), "-CAkey", f"{ca}.key", "-CAcreateserial",
        "-days", str(days), "-out", str(path),
    )  # fmt: skip
    key.chmod(0o600)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


def _exists(user: str) -> bool:
    return not subprocess.run(["id", "-u", user], capture_output=True).returncode


def _group(user: str) -> str:
    return subprocess.run(["id", "-g", user], capture_output=True, text=True).stdout.strip()


def wait_until(condition: object, for_s: float = 60.0) -> None:
    """Until the function returns something true. Fails after a while."""
    assert callable(condition)
    deadline_s, pause_s = time.monotonic() + for_s, 0.02
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(pause_s)
        pause_s = min(1.2 * pause_s, 0.2)
