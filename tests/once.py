"""What a process of a user works out once, and one of pytest thousands of times: kept."""

from functools import cache, lru_cache

import typer.main

from execdb.store.schema import verify


def keep() -> None:
    """The SQL of a schema in the form in which it is compared, and the commands that Typer makes of
    functions."""
    verify.normalized = lru_cache(512)(verify.normalized)
    typer.main.get_command = cache(typer.main.get_command)
