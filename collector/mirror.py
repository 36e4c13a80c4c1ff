"""The mirror of the config: makes the kernel's maps equal to the config table."""

import contextlib
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Protocol

from execdb.bpf.wire import GENERATION, MESSAGE_LEN
from execdb.store.errors import RecordingError

_FIRST_DEFAULT = "Hello World"  # the book's message, until the table has a valid one
_NAMED = 3  # entries that a warning names
_GENERATION_MAX = (1 << 32) - 1  # what the kernel's record has room for
_AUDIT_S = 2.0  # how often the maps are checked while the table does not change


class Refused(Protocol):
    """A value in the table that the kernel cannot hold; as text it says which and why."""

    @property
    def uid(self) -> int | None: ...


class Wanted(Protocol):
    """What the table says. `in_kernel` is the generation that was confirmed last; `default` is None
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


def reconcile(kernel: MutableMapping[int, bytes], wanted: Mapping[int, bytes]) -> list[int]:
    """Makes `kernel` equal to `wanted` with as few writes as possible; returns the keys that were
    written or deleted. Deletions come first, so that a full map has room."""
    # Someone else may delete a key meanwhile: `get` allows for that, dict(kernel) would not.
    present = {key: value for key in list(kernel) if (value := kernel.get(key)) is not None}
    changed = [key for key in present if key not in wanted]
    for key in changed:
        with contextlib.suppress(KeyError):
            del kernel[key]
    for key, value in wanted.items():
        if present.get(key) != value:
            kernel[key] = value
            changed.append(key)
    return changed


class Mirror:
    """Keeps the maps `config`, `fallback` and `generation` equal to the table. Where the table has
    an invalid value, the last valid message stays. The generation is written last: an event with it
    was recorded under the whole of that config, one just before it may have a message of it."""

    def __init__(
        self,
        table: Table,
        config: MutableMapping[int, bytes],
        fallback: MutableMapping[int, bytes],
        generation: MutableMapping[int, bytes],
        warn: Callable[[str], None],
    ) -> None:
        self._table, self._warn = table, warn
        self._config, self._fallback, self._generation = config, fallback, generation
        self._behind = True  # until the table's latest state is in the kernel and confirmed
        self._entries: dict[int, bytes] = {}
        self._default = {0: message_bytes(_FIRST_DEFAULT)}
        self._number = {0: generation_bytes(0)}
        self._written = False  # whether the maps were made equal to the three above
        self._told: set[str] = set()  # invalid values that the user was warned of
        self._audited_s = 0.0

    def update(self, now_s: float) -> None:
        """Applies changes of the table; every 2 s also reverts changes of the maps by others. May
        be called again after any exception. Raises DatabaseRefused, RecordingError."""
        self._behind = self._table.changed() or self._behind
        if self._behind:
            self._follow()
            self._behind = False
        if now_s - self._audited_s >= _AUDIT_S:
            self._audit()
            self._audited_s = now_s

    def _follow(self) -> None:
        wanted = self._table.follow()
        self._take(wanted)
        self._tell(list(map(str, wanted.refused)))
        if not self._written:
            self._write()
            self._written = True
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
        number = {0: generation_bytes(wanted.generation)}
        if (entries, default, number) != (self._entries, self._default, self._number):
            self._entries, self._default, self._number = entries, default, number
            self._written = False

    def _audit(self) -> None:
        uids = self._write()
        if uids:
            shown = ", ".join(map(str, uids[:5])) + (", ..." if len(uids) > 5 else "")
            self._warn(f"something else changed the kernel's config map (uid {shown}); restored")

    def _write(self) -> list[int]:
        try:
            changed = reconcile(self._config, self._entries)
            changed += reconcile(self._fallback, self._default)
            return changed + reconcile(self._generation, self._number)
        except OSError as error:
            raise RecordingError(
                f"the kernel refuses to change the config map ({os.strerror(error.errno or 0)}): "
                "something else has frozen or filled it; start again"
            ) from error
