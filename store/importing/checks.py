"""Checks that the values of a line are what their keys allow, as `Event` describes them."""

from typing import Any

from execdb.store.errors import BadEvent
from execdb.store.event import raw_of
from execdb.store.fields import FIELD_OF, FIELDS, Field
from execdb.store.file.text import NAME_MAX, too_long
from execdb.store.kinds import Group, Kind

_MACHINE_NAME_MAX = 255  # characters; a machine's name has at most 64, a boot_id 36
_SHOWN = 40  # characters of an unknown key


def keys_of(group: Group) -> set[str]:
    """The names of the keys of a group."""
    return {field.name for field in FIELDS if field.group is group}


def check_keys(values: dict[str, Any]) -> None:
    """Raises BadEvent for a key that an event does not have."""
    unknown = values.keys() - FIELD_OF.keys()
    if unknown:
        raise BadEvent(f"unknown key {min(unknown)[:_SHOWN]!r}")


def value_of(values: dict[str, Any], name: str) -> Any:
    """The value of a key, checked; if it is missing None where it is nullable, else what its kind
    says of absent keys. Raises BadEvent with what is wrong."""
    field = FIELD_OF[name]
    value = values.get(name)
    if value is None and field.nullable:
        return None
    if name not in values:
        if field.kind.absent is None:
            raise BadEvent(f"{name} is missing")
        return field.kind.absent
    if field.kind.is_text:
        _check_name(field, value)
    elif field.kind is Kind.TEXTS:
        return _texts(name, value)
    elif field.kind is Kind.BOOL:
        if type(value) is not bool:
            raise BadEvent(f"{name} must be true or false")
    else:
        _check_number(field, value)
    return value


def _check_number(field: Field, value: object) -> None:
    most = field.kind.most
    assert most is not None
    least = -most if field.name == "parent_id" else 0  # it may be an id of the view `seen`
    if type(value) is not int or not least <= value <= most:
        raise BadEvent(f"{field.name} must be a whole number from {least} to {most}")


def _check_name(field: Field, value: object) -> None:
    most = _MACHINE_NAME_MAX if field.group is Group.BOOT else NAME_MAX
    if len(_checked_text(field.name, value)) > most:
        raise BadEvent(f"{field.name} has more than {most} characters")


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadEvent(f"{name} must be a list of texts")
    for text in value:
        _checked_text(name, text)
    if too_long(value):
        raise BadEvent(f"{name} is longer than any program can have been given")
    return tuple(value)


def _checked_text(name: str, value: object) -> str:
    """Raises BadEvent for what is not text, or not the text of any bytes without a NUL."""
    if not isinstance(value, str):
        raise BadEvent(f"{name} must be text")
    if value.isascii():
        bad = "\0" in value
    else:
        try:
            bad = b"\0" in raw_of(value)
        except UnicodeEncodeError:
            bad = True
    if bad:
        raise BadEvent(f"{name} holds a character that no program can have been given")
    return value
