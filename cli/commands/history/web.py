"""execdb web: the history in a browser."""

import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb import DEFAULT_PATH
from execdb.cli.input.numbers import port_number
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.shared import Redact
from execdb.cli.input.redaction import redactor
from execdb.cli.output.streams import say
from execdb.cli.wake_up import WakeUp
from execdb.cli.web import extra_needed
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.store.asking.kept_open import KeptOpen

_LIMIT_S = 5.0  # of a request
_ANSWER_S = 4.0  # of a central store, for each question
_NO_HOME = "/nonexistent"
EXAMPLES = """
execdb web                               # prints the address to open
execdb web --db copy.db --redact         # a copy, with secrets hidden
execdb web --port 0                      # at any free port
execdb web --db postgresql://alice@db.example/history  # a central store
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

    Prints an address with a token, without which nothing is shown. It only reads, also beside a
    running collector. As root it first becomes the owner of the file or, if that is root or --db is
    a central store, the user execdb if there is one, else nobody. Needs execdb[web].
    """
    with extra_needed("execdb web"):
        from execdb.cli.web.server import Server
        from execdb.cli.web.site import Site
        from execdb.cli.web.worker import Worker
    with (
        closing(_kept_open(context.obj)) as store,
        _listening(host, port) as listener,
        WakeUp() as wake_up,
    ):
        token = secrets.token_urlsafe(24)
        site = Site(store, _given(context.obj), redactor(context), redact=redact)
        worker = Worker(store, _LIMIT_S, wake_up)
        server = Server(site, worker, token, listener)
        _become_reader(context.obj, store)
        with _ending_with(worker.stop):
            server.start()
            _tell(listener, token)
        worker.work()
        server.stop()


@contextmanager
def _ending_with(stop: Callable[[], None]) -> Iterator[None]:
    """From here on a signal calls `stop`. Inside it also raises KeyboardInterrupt: what is written
    may wait for a reader who never comes."""
    inside = True

    def end(*_: object) -> None:
        stop()
        if inside:
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    yield
    inside = False


def _kept_open(place: Path | CentralUrl) -> "KeptOpen":
    """Raises DatabaseError, CentralError."""
    if isinstance(place, CentralUrl):
        from execdb.store.central.kept_open import KeptCentral

        central = KeptCentral(place, _ANSWER_S)
        central.now()
        central.release()
        return central
    from execdb.store.asking.kept_open import KeptFile
    from execdb.store.file.database import open_database

    return KeptFile(open_database(place), place)


def _given(place: Path | CentralUrl) -> str | None:
    """What commands need to be told with --db; no password is shown."""
    if isinstance(place, CentralUrl):
        try:
            return place.without_password()[0].text
        except UsageError:
            return str(place)
    return None if str(place) == DEFAULT_PATH else str(place)


def _listening(host: str, port: int) -> socket.socket:
    """Raises ExecdbError, UsageError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        with asked_by("host"):
            raise UsageError(f"--host {host} is no address of this machine: {error}") from None
    try:
        return socket.create_server(address[:2], family=family, backlog=64)
    except OSError as error:
        raise ExecdbError(
            f"cannot listen at {host} port {port}: {error.strerror}: give another --port, or 0"
        ) from error


def _become_reader(place: Path | CentralUrl, store: "KeptOpen") -> None:
    """Gives up root: what is needed is open. Raises CentralError if a central store cannot be
    reached by the user that this has become."""
    if os.geteuid() != 0:
        return
    from execdb.cli.input.users import Identity, own_user
    from execdb.cli.web.loading import load_all
    from execdb.collector.own_process.privileges import drop

    central = isinstance(place, CentralUrl)
    load_all(central=central)
    reader = own_user()
    if isinstance(place, Path) and (owner := place.stat()).st_uid:
        reader = Identity(owner.st_uid, owner.st_gid)
    drop(reader.uid, reader.gid, {})
    if central:
        os.environ["HOME"] = _NO_HOME  # where the driver looks for certificates
        store.close()
        store.now()
        store.release()


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
