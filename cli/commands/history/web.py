"""execdb web: the history in a browser."""

import os
import secrets
import signal
import socket
from pathlib import Path
from typing import Annotated, Any

import typer

from execdb import DEFAULT_PATH
from execdb.cli.input.numbers import port_number
from execdb.cli.input.options.shared import Redact
from execdb.cli.input.redaction import redactor
from execdb.cli.output.streams import say
from execdb.cli.web import extra_needed
from execdb.store.errors import ExecdbError, UsageError

_LIMIT_S = 5.0  # of a request
EXAMPLES = """
execdb web                               # prints the address to open
execdb web --db copy.db --redact         # a copy, with secrets hidden
execdb web --port 0                      # at any free port
"""


def web(
    context: typer.Context,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at. Others than those of this machine itself are not "
            "encrypted: whoever can read the traffic can read the history.",
            metavar="ADDRESS",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0: any free one.", parser=port_number, metavar="PORT")
    ] = 8765,
    redact: Redact = False,
) -> None:
    """Look at the history in a browser, until Ctrl-C.

    Prints an address with a token, without which nothing is shown. It only reads the file, also
    beside a running collector. As root it first becomes the owner of the file or, if that is root,
    the user execdb if there is one, else nobody. Needs execdb[web].
    """
    from execdb.store.file.database import open_database

    with extra_needed("execdb web"):
        from execdb.cli.web.server import Server
        from execdb.cli.web.site import Site
        from execdb.cli.web.worker import Worker
        from execdb.store.asking.kept_open import KeptFile
    with open_database(context.obj) as database, _listening(host, port) as listener:
        token = secrets.token_urlsafe(24)
        store = KeptFile(database, context.obj)
        given = None if str(context.obj) == DEFAULT_PATH else str(context.obj)
        site = Site(store, given, redactor(context), redact=redact)
        worker = Worker(store, _LIMIT_S)
        server = Server(site, worker, token, listener)
        _become_reader(context.obj)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: worker.stop())
        server.start()
        _tell(listener, token)
        worker.work()
        server.stop()
        store.close()


def _listening(host: str, port: int) -> socket.socket:
    """Raises ExecdbError, UsageError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host} is no address of this machine: {error}") from None
    try:
        return socket.create_server(address[:2], family=family, backlog=64)
    except OSError as error:
        raise ExecdbError(
            f"cannot listen at {host} port {port}: {error.strerror}: give another --port, or 0"
        ) from error


def _become_reader(path: Path) -> None:
    """Gives up root: what is needed is open."""
    if os.geteuid() != 0:
        return
    from execdb.cli.input.users import Identity, own_user
    from execdb.cli.web.loading import load_all
    from execdb.collector.own_process.privileges import drop

    load_all()
    status = path.stat()
    reader = Identity(status.st_uid, status.st_gid) if status.st_uid else own_user()
    drop(reader.uid, reader.gid, {})


def _tell(listener: socket.socket, token: str) -> None:
    address: Any = listener.getsockname()
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    if not address[0].startswith("127.") and address[0] != "::1":
        say(
            f"warning: listening at {address[0]}, beyond this machine and without encryption: "
            "better listen at 127.0.0.1 and use ssh -L"
        )
    print(f"http://{host}:{address[1]}/?token={token}", flush=True)
    say("Ctrl-C to stop")
