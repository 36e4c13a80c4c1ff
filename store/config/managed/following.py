"""Follows the config of a central store."""

from execdb.store.config.applying import Wanted, apply
from execdb.store.config.changing import Changer
from execdb.store.config.managed.state import CENTRAL
from execdb.store.file.database import Database

_KEPT = 100  # generations of the store


def follow(database: Database, store: str, generation: int, wanted: Wanted) -> None:
    """Makes the config equal to that of the store, in one generation, and notes which it is.
    Raises DatabaseError."""
    change = apply(Changer(database), wanted, CENTRAL)
    with database.writing() as connection:
        connection.execute(_NOTE, (change.generation, store, generation))
        connection.execute(_FORGET, (_KEPT,))


def release(database: Database) -> None:
    """The config is the file's own again, as it is now."""
    with database.writing() as connection:
        connection.execute("DELETE FROM managed")


_NOTE = "INSERT OR REPLACE INTO managed (generation, store, central_generation) VALUES (?, ?, ?)"
_FORGET = (
    "DELETE FROM managed WHERE generation <= (SELECT generation FROM managed"
    " ORDER BY generation DESC LIMIT 1 OFFSET ?)"
)
