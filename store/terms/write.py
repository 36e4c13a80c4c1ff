"""Terms as text: what `parse.Reader` reads back as the same term."""

from execdb.store.terms.term import Found, Glob, Range, Term, Value


def text_of_term(term: Term) -> str:
    """`comm=gcc,cc1`. Users are numbers in it, so that it means the same on every machine."""
    operator = "!" * term.negated
    operator += "~=" if any(isinstance(value, Found) for value in term.any_of) else "="
    values = ",".join(map(_text_of_value, term.any_of))
    if operator[-2:] != "~=" and values.startswith("="):  # `==` is taken for a mistake
        values = f"\\{values}"
    return f"{term.field}{operator}{values}"


def _text_of_value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, Range):
        least, most = ("" if end is None else end for end in (value.least, value.most))
        return f"{least}..{most}"
    if isinstance(value, Glob):
        return value.pattern
    if isinstance(value, Found):
        return value.pattern
    if value == "null":
        return "\\null"
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)


_ESCAPES = str.maketrans({char: f"\\{char}" for char in "*?\\,"})
