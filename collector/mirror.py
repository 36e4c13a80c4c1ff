"""The config's mirror: makes the kernel's map equal to the config table."""

import contextlib
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Protocol

from execdb.bpf.wire import MESSAGE_LEN
from execdb.store.errors import RecordingError

_FIRST_DEFAULT = "Hello World"  # the book's, until the table has a good one
_NAMED = 3  # entries that a warning names
_AUDIT_S = 2.0  # how often the map is looked at though the table is as it was


class Refused(Protocol):
    """What the table says and the kernel cannot have; as text, what it is and why."""

    @property
    def uid(self) -> int | None: ...


class Wanted(Protocol):
    """What the table says. `in_kernel` is the generation that was confirmed last; a default that
    cannot be one is None."""

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
    """The truth that is mirrored."""

    def changed(self) -> bool: ...
    def read(self) -> Wanted: ...
    def confirm(self, generation: int) -> None: ...


def message_bytes(text: str) -> bytes:
    """A message as the map holds it: exactly 12 bytes, NULs behind a shorter one."""
    return text.encode().ljust(MESSAGE_LEN, b"\0")


def reconcile(kernel: MutableMapping[int, bytes], wanted: Mapping[int, bytes]) -> list[int]:
    """Makes `kernel` equal to `wanted` with as few writes as that takes; returns the keys written
    or deleted. Deletions come first: a full map then has room."""
    # What someone else deletes meanwhile is not there: `get` minds it, dict(kernel) would not.
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
    """Keeps the `config` and `fallback` maps equal to the table. Where that says what they cannot
    hold, the last good message stays."""

    def __init__(
        self,
        table: Table,
        config: MutableMapping[int, bytes],
        fallback: MutableMapping[int, bytes],
        warn: Callable[[str], None],
    ) -> None:
        self._table, self._config, self._fallback, self._warn = table, config, fallback, warn
        self._behind = True  # until the table's latest state is in the kernel and confirmed
        self._entries: dict[int, bytes] = {}
        self._default = {0: message_bytes(_FIRST_DEFAULT)}
        self._written = False  # whether the maps were made equal to these two
        self._told: set[str] = set()  # what of the table the kernel cannot have
        self._audited_s = 0.0

    def update(self, now_s: float) -> None:
        """Follows the table where it changed; every 2 s also looks for changes in the kernel
        that did not come from it. May be called again after any exception."""
        self._behind = self._table.changed() or self._behind
        if self._behind:
            self._follow()
            self._behind = False
        if now_s - self._audited_s >= _AUDIT_S:
            self._audit()
            self._audited_s = now_s

    def _follow(self) -> None:
        wanted = self._table.read()
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
            self._warn(f"the config table says what the kernel cannot have: {named}")
        self._told = set(refused)

    def _take(self, wanted: Wanted) -> None:
        """Content counts, not the generation: SQL of others may leave that as it was."""
        entries = {uid: message_bytes(text) for uid, text in wanted.entries.items()}
        for refused in wanted.refused:
            if refused.uid is not None and refused.uid in self._entries:
                entries[refused.uid] = self._entries[refused.uid]
        default = self._default
        if wanted.default is not None:
            default = {0: message_bytes(wanted.default)}
        if (entries, default) != (self._entries, self._default):
            self._entries, self._default, self._written = entries, default, False

    def _audit(self) -> None:
        uids = self._write()
        if uids:
            shown = ", ".join(map(str, uids[:5])) + (", ..." if len(uids) > 5 else "")
            self._warn(f"something else changed the kernel's config map (uid {shown}); put right")

    def _write(self) -> list[int]:
        try:
            changed = reconcile(self._config, self._entries)
            return changed + reconcile(self._fallback, self._default)
        except OSError as error:
            raise RecordingError(
                f"the kernel refuses to change the config map ({os.strerror(error.errno or 0)}): "
                "something else has frozen or filled it; start again"
            ) from error
