"""Short forms of terms: the options of commands, and the keywords of the Python API, that ask for
one field each."""

import re
from collections.abc import Iterable

from execdb.store.terms.term import Glob, Term

_FIELDS = {"path": "filename", "arg": "argv"}  # where the name is not that of the field
_PATTERNS = ("comm", "path", "cgroup", "host")  # in these, * and ? match


def short_form(name: str, value: str | int) -> Term:
    """What `--NAME VALUE` asks for. A backslash in the value has no meaning."""
    return Term(_FIELDS.get(name, name), (_wanted(name, value),))


def merged(terms: Iterable[Term]) -> tuple[Term, ...]:
    """The same terms, of which all must hold; several about one field are one term with all of
    their values, which are alternatives (or, negated, all excluded)."""
    found: dict[tuple[str, bool], Term] = {}
    for term in terms:
        key = term.field, term.negated
        before = found[key].any_of if key in found else ()
        found[key] = Term(term.field, before + term.any_of, term.negated)
    return tuple(found.values())


def _wanted(name: str, value: str | int) -> str | int | Glob:
    if isinstance(value, int):
        return value
    if name == "arg":
        return Glob("*" + re.sub(r"([*?\\])", r"\\\1", value) + "*")
    if name in _PATTERNS and re.search(r"[*?]", value):
        return Glob(value.replace("\\", "\\\\"))
    return value
