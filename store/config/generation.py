"""The generation of the config: each change of a message, a rule or a limit makes the next one."""

from sqlite3 import Connection

from execdb.store.config.stored import read_generation

DEFAULT_MESSAGE = "Hello World"
_GENERATION_MAX = 1 << 62


def current_generation(connection: Connection) -> int:
    """A new one if what is stored cannot be a generation."""
    found = read_generation(connection)
    return next_generation(connection) if found is None else found


def next_generation(connection: Connection) -> int:
    """Begins one. Call it once, in the transaction that changes something."""
    add_missing_state(connection)
    connection.execute(_FIX, (_GENERATION_MAX,))
    connection.execute("UPDATE config_state SET generation = generation + 1")
    return current_generation(connection)


def add_missing_state(connection: Connection) -> None:
    """Makes the row of `config_state`, if someone has removed it."""
    connection.execute(_ADD_MISSING)


_ADD_MISSING = f"""INSERT INTO config_state
(id, default_message, generation, kernel_generation, next_rule)
SELECT 1, '{DEFAULT_MESSAGE}', 0, 0, 1 WHERE NOT EXISTS (SELECT 1 FROM config_state)"""
_FIX = """UPDATE config_state SET generation = 0, kernel_generation = 0
WHERE typeof(generation) <> 'integer' OR generation NOT BETWEEN 0 AND ?"""
