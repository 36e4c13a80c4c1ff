"""What the user wants of a recording."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from execdb.cli.input.formats import StreamFormat

if TYPE_CHECKING:
    from execdb.store.limits.bounds import Bounds
    from execdb.store.reading.event_filter import StartFilter
    from execdb.store.redaction.own_patterns import OwnPattern


@dataclass(frozen=True)
class RecordOptions:
    """`shown` is the format in which execs that are `wanted` are shown (None: none are); `user` is
    the name of the user to switch to, `group` that of a group that may read the database; `bounds`
    and `min_free_percent` limit what the file takes of the disk; `redact` are patterns of secrets
    beside the known ones (None: nothing is hidden). The last three can change while recording."""

    path: Path
    shown: StreamFormat | None
    wanted: "StartFilter"
    ring_pages: int | None  # None: what suits this machine
    attempts: bool
    btf: Path
    user: str | None
    group: str | None
    bounds: "Bounds"
    min_free_percent: float
    redact: "tuple[OwnPattern, ...] | None"
    take_over: bool = False
