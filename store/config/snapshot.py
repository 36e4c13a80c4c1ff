"""The whole config as it is at one moment: what the kernel's maps should hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from execdb.store.config.limit import Limit
from execdb.store.config.rule import Rule
from execdb.store.config.stored import (
    Refused,
    read_default,
    read_entries,
    read_state,
    short_values,
)
from execdb.store.config.stored_rules import read_limits, read_rules
from execdb.store.errors import UsageError


@dataclass(frozen=True)
class Config:
    """`in_kernel` is the generation that a collector confirmed last. `default` is the message of
    users without an entry, None if what is stored cannot be a message; `rules` are in order;
    `limits` are those of users, `default_limit` is every other user's."""

    generation: int
    in_kernel: int
    default: str | None
    entries: Mapping[int, str]
    rules: Sequence[Rule]
    limits: Mapping[int, Limit]
    default_limit: Limit
    refused: Sequence[Refused]


def read_config(connection: Connection) -> Config:
    """The config, and what of it is refused."""
    with short_values(connection):
        generation, in_kernel = read_state(connection)
        entries, refused = read_entries(connection)
        default: str | None = None
        try:
            default = read_default(connection)
        except UsageError as error:
            refused.append(Refused(None, str(error)))
        rules, bad_rules = read_rules(connection)
        default_limit, limits, bad_limits = read_limits(connection)
    refused += [Refused(None, why) for why in (*bad_rules, *bad_limits)]
    return Config(
        generation, in_kernel, default, entries, rules, limits, default_limit, tuple(refused)
    )
