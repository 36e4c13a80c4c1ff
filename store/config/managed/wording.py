"""A whole config as JSON text, there and back; and several laid over each other. Pure.

What a config has as a new file has it (the default message, the default limit) counts as not said.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from execdb.store.config.applying import Wanted
from execdb.store.config.entry import ENTRIES_MAX, check_message
from execdb.store.config.generation import DEFAULT_MESSAGE
from execdb.store.config.limit import DEFAULT, LIMITS_MAX, Limit, check_limit
from execdb.store.config.rule import RULES_MAX, Rule
from execdb.store.config.snapshot import Config
from execdb.store.config.stored_rules import rule_of
from execdb.store.errors import UsageError
from execdb.store.uids import check_uid

LENGTH_MAX = 16 << 20  # characters


def text_of(config: Config | Wanted) -> str:
    """What is not said is left out. Raises UsageError if it is too long."""
    found: dict[str, Any] = {}
    if config.default not in (None, DEFAULT_MESSAGE):
        found["default"] = config.default
    if config.entries:
        found["messages"] = {str(uid): text for uid, text in config.entries.items()}
    if config.rules:
        found["rules"] = [[str(r.action), list(r.terms), r.note] for r in config.rules]
    limits = {str(uid): list(limit) for uid, limit in config.limits.items()}
    if config.default_limit != DEFAULT:
        limits["default"] = list(config.default_limit)
    if limits:
        found["limits"] = limits
    text = json.dumps(found, sort_keys=True)
    if len(text) > LENGTH_MAX:
        raise UsageError("the config is too long for a central store")
    return text


def wanted_of(text: str) -> Wanted:
    """Raises UsageError for what is no config: whoever wrote it may have written anything."""
    try:
        found = json.loads(text) if len(text) <= LENGTH_MAX else None
    except (ValueError, RecursionError):
        found = None
    try:
        return _wanted(found)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise UsageError("what the central store has is no config") from error


def _wanted(found: Any) -> Wanted:
    messages, limits = found.get("messages", {}), dict(found.get("limits", {}))
    default_limit = Limit(*limits.pop("default", DEFAULT))
    rules = found.get("rules", [])
    if max(len(messages) - ENTRIES_MAX, len(limits) - LIMITS_MAX, len(rules) - RULES_MAX) > 0:
        raise UsageError("the config has more than fits")
    return Wanted(
        check_message(found.get("default", DEFAULT_MESSAGE)),
        {check_uid(int(uid)): check_message(text) for uid, text in messages.items()},
        [rule_of(0, action, json.dumps(terms), note) for action, terms, note in rules],
        {check_uid(int(uid)): check_limit(Limit(*each)) for uid, each in limits.items()},
        check_limit(default_limit),
    )


def laid_over(configs: Sequence[Wanted]) -> Wanted:
    """One config of several, the most special first: of what several say, the first one counts;
    rules are asked in this order. Raises UsageError if they do not fit."""
    rules: list[Rule] = [rule for config in configs for rule in config.rules]
    entries: dict[int, str] = {}
    limits: dict[int, Limit] = {}
    for config in reversed(configs):
        entries.update(config.entries)
        limits.update(config.limits)
    sizes: Mapping[str, tuple[int, int]] = {
        "messages": (len(entries), ENTRIES_MAX),
        "rules": (len(rules), RULES_MAX),
        "limits": (len(limits), LIMITS_MAX),
    }
    for name, (size, most) in sizes.items():
        if size > most:
            raise UsageError(f"together they are {size} {name}, and {most} fit into the kernel")
    defaults = (each.default for each in configs if each.default != DEFAULT_MESSAGE)
    limit = (each.default_limit for each in configs if each.default_limit != DEFAULT)
    return Wanted(
        next(defaults, DEFAULT_MESSAGE),
        dict(sorted(entries.items())),
        rules,
        dict(sorted(limits.items())),
        next(limit, DEFAULT),
    )
