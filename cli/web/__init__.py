"""The page: a machine's history in a browser. Starlette, Uvicorn and Jinja2 are used only here."""

from collections.abc import Iterator
from contextlib import contextmanager

from execdb.store.errors import ExecdbError


@contextmanager
def extra_needed(what: str) -> Iterator[None]:
    """Around imports: raises ExecdbError if what they need is not installed."""
    try:
        yield
    except ImportError as error:
        if error.name is None or error.name.startswith("execdb"):
            raise
        how = "pip install jinja2 starlette uvicorn"
        raise ExecdbError(f"{what} needs {error.name}: {how}") from error
