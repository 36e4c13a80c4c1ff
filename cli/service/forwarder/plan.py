"""What `service install --ship-to` writes: the second unit, its user, its password."""

from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl, urlsplit

from execdb import DEFAULT_PATH
from execdb.cli.service import places, safe_code, unit
from execdb.cli.service.marked import marked, state_of
from execdb.cli.service.plan import File
from execdb.store.central.url import CentralUrl, is_central
from execdb.store.errors import UsageError

SYSUSERS = f'u {places.SHIP_USER} - "execdb forwarder"\nm {places.SHIP_USER} {places.USER}\n'
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")  # parameters of a URL


def files_for(
    url: CentralUrl, database: Path, password: str | None, *, config: bool = False
) -> list[File]:
    """`url` has no password. With a `password` also the file that has it. With `config` it takes
    the config from the store, for which it must be the user to whom the database belongs. Raises
    UsageError for a file that the service could not see."""
    _require_visible(url)
    texts = {
        places.SHIP_SYSUSERS_FILE: SYSUSERS,
        places.SHIP_UNIT_FILE: _unit(url, database, config),
    }
    found = [File(path, marked(text, "#"), state_of(path), True) for path, text in texts.items()]
    if password is not None:
        path = places.SHIP_PASSWORD_FILE
        text = marked(f"*:*:*:*:{_escaped(password)}\n", "#")
        found.append(File(path, text, state_of(path), False))
    return found


def url_of(text: str, from_environment: str | None) -> tuple[CentralUrl, str | None]:
    """The URL without its password, and the password: its own, else that of the environment.
    Raises UsageError."""
    if not is_central(text):
        raise UsageError("--ship-to is the URL of a central store: postgresql://USER@HOST/DATABASE")
    url, password = CentralUrl(text).without_password()
    password = password or from_environment or None
    if password is not None and any(char in "\0\r\n" for char in password):
        raise UsageError("the password has a line end, which its file cannot have")
    return url, password


def user_of(config: bool) -> str:
    """Who the service is."""
    return places.USER if config else places.SHIP_USER


def _unit(url: CentralUrl, database: Path, config: bool) -> str:
    python, code = safe_code.interpreter(), safe_code.code_folders()
    words = [str(python), "-I", "-m", "execdb", "ship", "--to", url.text]
    if str(database) != DEFAULT_PATH:
        words += ["--db", str(database)]
    words += ["--config"] if config else []
    writable = f"ReadWritePaths={unit.quoted(str(database.parent))}\n" if config else ""
    template = files("execdb.cli.service.forwarder").joinpath("execdb-ship.service.in").read_text()
    return Template(template).substitute(
        exec_start=unit.command(words),
        binds=unit.hidden_binds(code) + writable,
        credentials=places.SHIP_PASSWORD_FILE,
        user=user_of(config),
    )


def _escaped(password: str) -> str:
    """As pgpass files have it."""
    return password.replace("\\", "\\\\").replace(":", "\\:")


def _require_visible(url: CentralUrl) -> None:
    for name, value in parse_qsl(urlsplit(url.text).query):
        if name in _FILES and value not in ("system", ""):
            path = Path(value)
            if not path.is_absolute() or unit.is_hidden(path) or path.is_relative_to("/tmp"):
                raise UsageError(
                    f"the service cannot see the {name} of the URL: give a whole path outside of "
                    "home directories and /tmp"
                )
