"""The mirror of the config: makes the kernel's maps equal to the config table."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Protocol

from execdb.bpf.wire import COMMON_LIMIT, GENERATION, LIMIT, MESSAGE_LEN, UNLIMITED
from execdb.collector.rules.compile import Rule
from execdb.collector.rules.reconcile import reconcile
from execdb.store.errors import RecordingError

_FIRST_DEFAULT = "Hello World"  # the book's message, until the table has a valid one
_NAMED = 3  # entries that a warning names
_GENERATION_MAX = (1 << 32) - 1  # what the kernel's record has room for
_LOOK_S, _AUDIT_S = 1.7, 5.0  # how often cgroups are looked for, and all maps are read
_EARLY_S = 0.1  # it may be looked so much sooner


class Refused(Protocol):
    """A value in the table that the kernel cannot hold; as text it says which and why."""

    @property
    def uid(self) -> int | None: ...


Limit = tuple[int | None, int | None]  # execs and bytes; see store/config/limit.py


class Wanted(Protocol):
    """What the tables say. `in_kernel` is the generation that was confirmed last; `default` is None
    if it is invalid."""

    @property
    def generation(self) -> int: ...
    @property
    def in_kernel(self) -> int: ...
    @property
    def default(self) -> str | None: ...
    @property
    def entries(self) -> Mapping[int, str]: ...
    @property
    def rules(self) -> Sequence[Rule]: ...
    @property
    def limits(self) -> Mapping[int, Limit]: ...
    @property
    def default_limit(self) -> Limit: ...
    @property
    def refused(self) -> Sequence[Refused]: ...


class Table(Protocol):
    """The config table, which is mirrored."""

    def changed(self) -> bool: ...
    def follow(self) -> Wanted: ...
    def confirm(self, generation: int) -> None: ...


def message_bytes(text: str) -> bytes:
    """A message as the map holds it: exactly 12 bytes, padded with NULs."""
    return text.encode().ljust(MESSAGE_LEN, b"\0")


def generation_bytes(generation: int) -> bytes:
    """A generation as the map holds it; 0, not known, for one that only a forged table can have."""
    return GENERATION.pack(generation if 0 <= generation <= _GENERATION_MAX else 0)


def limit_bytes(limit: Limit) -> bytes:
    """A user's limit as the map `limits` holds it: see bpf/c/limits.h."""
    return LIMIT.pack(*(_LIMIT_WORDS.get(part, part) for part in limit))


def common_limit_bytes(limit: Limit, users: int) -> bytes:
    """The limit of all others; `users` have one of their own."""
    return COMMON_LIMIT.pack(*(max(part or 0, 0) for part in limit), users)


_LIMIT_WORDS = {None: 0, -1: UNLIMITED}


class Maps(Protocol):
    """The kernel's maps of messages, limits and the generation."""

    @property
    def config(self) -> MutableMapping[int, bytes]: ...
    @property
    def fallback(self) -> MutableMapping[int, bytes]: ...
    @property
    def generation(self) -> MutableMapping[int, bytes]: ...
    @property
    def limits(self) -> MutableMapping[int, bytes]: ...
    @property
    def limit(self) -> MutableMapping[int, bytes]: ...


class RuleMaps(Protocol):
    """The kernel's maps of rules: see `rules.rule_maps.RuleMaps`."""

    def put(self, rules: Sequence[Rule]) -> None: ...
    @property
    def name_cgroups(self) -> bool: ...
    def follow_cgroups(self) -> None: ...
    def audit(self) -> bool: ...


class Mirror:
    """Keeps the kernel's maps equal to the tables. Where a table has an invalid message, the last
    valid one stays. The generation is written last: an event with it was recorded under the whole
    of that config, one just before it may have a message of it."""

    def __init__(
        self, table: Table, maps: Maps, rules: RuleMaps, warn: Callable[[str], None]
    ) -> None:
        self._table, self._maps, self._rules, self._warn = table, maps, rules, warn
        self._behind = True  # until the table's latest state is in the kernel and confirmed
        self._entries: dict[int, bytes] = {}
        self._default = {0: message_bytes(_FIRST_DEFAULT)}
        self._limits: dict[int, bytes] = {}
        self._limit = {0: bytes(COMMON_LIMIT.size)}
        self._written = False  # whether the maps were made equal to the four above
        self._number = {0: generation_bytes(0)}
        self._told: set[str] = set()  # invalid values that the user was warned of
        self._looked_s = self._audited_s = 0.0

    def update(self, now_s: float) -> None:
        """Applies changes of the table; every 2 s also those of cgroups, and every 5 s it reverts
        changes of the maps by others. May be called again after any exception. Raises
        DatabaseRefused, RecordingError."""
        self._behind = self._table.changed() or self._behind
        if self._behind:
            self._follow()
            self._behind = False
        if now_s - self._looked_s >= _LOOK_S - _EARLY_S:
            with _kernel_refuses():
                self._rules.follow_cgroups()
            self._looked_s = now_s
        if now_s - self._audited_s >= _AUDIT_S - _EARLY_S:
            self._audit()
            self._audited_s = now_s

    @property
    def look_s(self) -> float:
        """How often to call `update` at least."""
        return _LOOK_S if self._rules.name_cgroups else _AUDIT_S

    def confirm_again(self) -> None:
        """A new run has begun in the database, which has forgotten what was confirmed."""
        self._behind = True

    def _follow(self) -> None:
        wanted = self._table.follow()
        self._take(wanted)
        self._tell(list(map(str, wanted.refused)))
        with _kernel_refuses():
            if not self._written:
                self._write()
                self._written = True
            self._rules.put(wanted.rules)
            reconcile(self._maps.generation, self._number)
        if wanted.in_kernel != wanted.generation:
            self._table.confirm(wanted.generation)

    def _tell(self, refused: Sequence[str]) -> None:
        new = [text for text in refused if text not in self._told]
        if new:
            more = [f"and {len(new) - _NAMED} more"] if len(new) > _NAMED else []
            named = "; ".join([*new[:_NAMED], *more])
            self._warn(f"the config table has values that the kernel cannot hold: {named}")
        self._told = set(refused)

    def _take(self, wanted: Wanted) -> None:
        """Compares contents, not generations: SQL of others may leave the generation unchanged."""
        entries = {uid: message_bytes(text) for uid, text in wanted.entries.items()}
        for refused in wanted.refused:
            if refused.uid is not None and refused.uid in self._entries:
                entries[refused.uid] = self._entries[refused.uid]
        default = self._default
        if wanted.default is not None:
            default = {0: message_bytes(wanted.default)}
        limits = {uid: limit_bytes(each) for uid, each in wanted.limits.items()}
        limit = {0: common_limit_bytes(wanted.default_limit, len(limits))}
        self._number = {0: generation_bytes(wanted.generation)}
        all_ = entries, default, limits, limit
        if all_ != (self._entries, self._default, self._limits, self._limit):
            self._entries, self._default, self._limits, self._limit = all_
            self._written = False

    def _audit(self) -> None:
        with _kernel_refuses():
            uids = self._write() + reconcile(self._maps.generation, self._number)
            rules_differed = self._rules.audit()
        if uids:
            shown = ", ".join(map(str, uids[:5])) + (", ..." if len(uids) > 5 else "")
            self._warn(f"something else changed the kernel's config map (uid {shown}); restored")
        if rules_differed:
            self._warn("something else changed the kernel's maps of rules; restored")

    def _write(self) -> list[int]:
        maps = self._maps
        return [
            *reconcile(maps.config, self._entries),
            *reconcile(maps.fallback, self._default),
            *reconcile(maps.limits, self._limits),
            *reconcile(maps.limit, self._limit),
        ]


@contextlib.contextmanager
def _kernel_refuses() -> Iterator[None]:
    """Inside, OSError is raised as RecordingError."""
    try:
        yield
    except OSError as error:
        raise RecordingError(
            f"the kernel refuses to change the config map ({os.strerror(error.errno or 0)}): "
            "something else has frozen or filled it; start again"
        ) from error
