"""Loads what answering may need later."""

import pkgutil
from importlib import import_module

_PACKAGES = "execdb.store", "execdb.cli.web", "execdb.cli.show", "execdb.cli.output"
_CENTRAL = "execdb.store.central"  # needs psycopg
_BY_OTHERS = ("anyio._backends._asyncio",)  # named in a text, where Starlette first needs it


def load_all(*, central: bool) -> None:
    """So that the program need not be readable by the user that answers. `central`: a central store
    is asked. Raises ImportError."""
    for package in map(import_module, _PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if central or not module.name.startswith(_CENTRAL):
                import_module(module.name)
    for name in _BY_OTHERS:
        import_module(name)
