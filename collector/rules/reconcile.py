"""Makes a map of the kernel equal to what it should hold. Pure."""

import contextlib
from collections.abc import Hashable, Mapping, MutableMapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def reconcile(kernel: MutableMapping[K, bytes], wanted: Mapping[K, bytes]) -> list[K]:
    """Makes `kernel` equal to `wanted` with as few writes as possible; returns the keys that were
    written or deleted. Deletions come first, so that a full map has room."""
    present = dict(kernel.items())
    changed = [key for key in present if key not in wanted]
    for key in changed:
        with contextlib.suppress(KeyError):
            del kernel[key]
    for key, value in wanted.items():
        if present.get(key) != value:
            kernel[key] = value
            changed.append(key)
    return changed
