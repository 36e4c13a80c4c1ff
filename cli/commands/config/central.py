"""The config in a central store: the same commands on a database that is made of it for one
command, and what they have changed is written back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from execdb.store.central.config.documents import Document, Scope, read_document, write_document
from execdb.store.central.url import CentralUrl
from execdb.store.config.applying import Wanted, apply
from execdb.store.config.changing import Changer
from execdb.store.config.log import State, differences, flat
from execdb.store.config.table import ConfigTable
from execdb.store.file.database import Database, open_database


class CentralTable(ConfigTable):
    """The config of a scope, in a database of its own."""

    def __init__(
        self, database: Database, url: CentralUrl, scope: Scope, document: Document
    ) -> None:
        super().__init__(database)
        self._url, self._scope, self._document = url, scope, document
        self._before: State = flat(self.read())

    def save(self) -> str:
        """Writes back what has changed; says for whom it is. Raises CentralError."""
        config = self.read()
        found = differences(self._before, flat(config))
        generation = self._document.generation
        if found:
            wanted = Wanted(
                config.default or "", config.entries, config.rules, config.limits,
                config.default_limit,
            )  # fmt: skip
            generation = write_document(
                self._url, self._scope, self._document, wanted, _action(found), found
            )
        return f"for {self._scope}, generation {generation} of the central store"


def _action(found: Any) -> str:
    kinds = {(each.before is None, each.after is None) for each in found}
    return {frozenset({(True, False)}): "added", frozenset({(False, True)}): "removed"}.get(
        frozenset(kinds), "changed"
    )


@contextmanager
def central_table(url: CentralUrl, scope: Scope) -> Iterator[CentralTable]:
    """Raises CentralError, UsageError."""
    document = read_document(url, scope)
    with (
        tempfile.TemporaryDirectory(prefix="execdb-config-") as folder,
        open_database(Path(folder) / "config.db", create=True) as database,
    ):
        apply(Changer(database), document.wanted)
        yield CentralTable(database, url, scope, document)
