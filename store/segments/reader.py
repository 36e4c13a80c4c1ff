"""Rows of `image` as events, or as what is needed to write them as JSON."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.event import Event, ending
from execdb.store.file.column_types import check_rows
from execdb.store.file.text import readable
from execdb.store.json_objects import RECURRING, Members, code_of, writer
from execdb.store.segments.dictionary_cache import DictionaryCache
from execdb.store.segments.segment import Segment


class JsonRow(NamedTuple):
    """What the JSON object of an event is made of, more quickly than an `Event`: `boot` to
    `outcome` are the texts of members. Rows are in order by the first three."""

    shifted_ns: int
    time_ns: int
    id: int
    run_id: int
    boot_ns: int
    boot: str
    pid: int
    ppid: int
    ns_pid: int
    who: str
    command: str
    where: str
    outcome: str
    duration_ns: int | None
    cpu_ns: int | None
    max_rss_kb: int | None
    parent_id: int | None


def row_writer(end: str = "") -> Callable[[JsonRow], str]:
    """Writes a row as a JSON object, followed by `end`: byte for byte that of its event."""
    places = {name: f"item[{place}]" for place, name in enumerate(JsonRow._fields)}
    texts = [places[name] for name in ("boot", "who", "command", "where", "outcome")]
    return writer(code_of(places, texts), end)


class RowReader:
    """Reads what rows refer to. The rows are whole rows of `image` of one segment; if they refer to
    very much, only the first ones are returned. Raises DatabaseError."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.cache = cache = DictionaryCache(path)
        self._boots, who, command, where, outcome = RECURRING
        self._who = Members(who, lambda origin_id: cache.origins[origin_id][0])
        self._commands = Members(command, lambda command_id: cache.commands[command_id])
        self._where = Members(where, lambda origin_id: cache.origins[origin_id][1])
        self._outcomes = Members(outcome, lambda values: _outcome(*values))

    def events(
        self, connection: Connection, segment: Segment, boot: tuple[str, str], rows: Sequence[Any]
    ) -> list[Event]:
        """`boot` is the boot_id and the host."""
        run_id, offset_ns, new = segment.run_id, segment.offset_ns, tuple.__new__
        boot_id, host = boot
        with self._learnt(connection, segment, rows) as known:
            commands, origins = self.cache.commands, self.cache.origins
            return [
                new(Event, (
                    number, run_id, time_ns, time_ns - offset_ns, boot_id, host, pid, ppid,
                    pid if ns_pid is None else ns_pid, *(origin := origins[origin_id])[0],
                    *commands[command_id], *origin[1], *_outcome(errno, caller, status),
                    duration_ns, cpu_ns, rss_kb, parent_id,
                ))
                for (number, time_ns, pid, ppid, _, origin_id, _, command_id, parent_id, status,
                     duration_ns, errno, caller, ns_pid, cpu_ns, rss_kb) in known
            ]  # fmt: skip

    def json_rows(
        self,
        connection: Connection,
        segment: Segment,
        boot: tuple[str, str],
        shift_ns: int,
        rows: Sequence[Any],
    ) -> list[JsonRow]:
        """`boot_ns + shift_ns` is what rows are ordered by."""
        run_id, offset_ns, new = segment.run_id, segment.offset_ns, tuple.__new__
        text = Members(self._boots)[boot]
        who, commands, where, outcomes = self._who, self._commands, self._where, self._outcomes
        with self._learnt(connection, segment, rows) as known:
            return [
                new(JsonRow, (
                    (boot_ns := time_ns - offset_ns) + shift_ns, time_ns, number, run_id, boot_ns,
                    text, pid, ppid, pid if ns_pid is None else ns_pid, who[origin_id],
                    commands[command_id], where[origin_id], outcomes[errno, caller, status],
                    duration_ns, cpu_ns, rss_kb, parent_id,
                ))
                for (number, time_ns, pid, ppid, _, origin_id, _, command_id, parent_id, status,
                     duration_ns, errno, caller, ns_pid, cpu_ns, rss_kb) in known
            ]  # fmt: skip

    @contextmanager
    def _learnt(
        self, connection: Connection, segment: Segment, rows: Sequence[Any]
    ) -> Iterator[Sequence[Any]]:
        """The rows of which all is known; a KeyError inside is an entry that is missing."""
        check_rows(connection, "image", rows)
        try:
            yield self.cache.learn(connection, rows)
        except KeyError:
            raise DatabaseError(
                f"{self._path} is inconsistent: a row of segment {segment.first_id} refers to "
                "others that are not there"
            ) from None


@lru_cache(maxsize=8_192)
def _outcome(
    errno: str | None, caller: str | bytes | None, status: int | None
) -> tuple[str | int | None, ...]:
    """errno, caller, ended, exit_code, signal."""
    return readable(errno), readable(caller), *ending(status)
