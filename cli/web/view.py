"""What a page shows, as its address says: the words of a command line, and how to show them."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import typer
import typer.main

from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.store.browsing.pages import Moment
from execdb.store.errors import UsageError
from execdb.store.reading.filter import Filter
from execdb.store.terms.term import Range, Term
from execdb.store.times import rfc3339

_WORDS_MAX, _CHARS_MAX, _FIELDS_MAX = 64, 8_000, 100
_SWITCHES = ("--failed", "--succeeded", "--running")
_OPTIONS = tuple(
    f"--{field.name.replace('_', '-')}"
    for field in fields(FilterOptions)
    if field.name not in ("terms", "failed", "running")
)
_HOST = re.compile(r"host[=!~]|--host=")
_TIME = re.compile(r"(time|time_ns)=|--(since|until)=")


@dataclass(frozen=True)
class View:
    """`words` are terms and options as after `execdb query`, an option and its value one word."""

    words: tuple[str, ...] = ()
    oldest_first: bool = False
    redact: bool = False
    after: Moment | None = None

    def address(self, path: str = "", **more: object) -> str:
        """The path with this view as its query; `more` are parameters besides."""
        pairs: list[tuple[str, object]] = [("term", word) for word in self.words]
        if self.oldest_first:
            pairs.append(("order", "oldest"))
        if self.redact:
            pairs.append(("redact", 1))
        if self.after is not None:
            pairs.append(("after", "_".join(map(str, self.after))))
        pairs += more.items()
        query = urlencode(pairs, errors="surrogateescape")
        return f"{path}?{query}" if query else path or "?"

    def with_word(self, word: str) -> "View":
        """One of the switches --failed, --succeeded and --running replaces the others."""
        kept = [each for each in self.words if word not in _SWITCHES or each not in _SWITCHES]
        return replace(self, words=tuple(dict.fromkeys((*kept, word))), after=None)

    def without(self, word: str) -> "View":
        return replace(self, words=tuple(w for w in self.words if w != word), after=None)

    def within(self, since_ns: int, until_ns: int) -> "View":
        """The same for another time, from `since_ns` up to `until_ns`."""
        return replace(self.always(), words=(*self.always().words, time_term(since_ns, until_ns)))

    def always(self) -> "View":
        """The same for all times."""
        words = tuple(word for word in self.words if not _TIME.match(word))
        return replace(self, words=words, after=None)

    def of_host(self, name: str) -> "View":
        """The same of this host alone."""
        words = tuple(word for word in self.words if not _HOST.match(word))
        return replace(self, words=(*words, term_of("host", name)), after=None)

    def from_start(self) -> "View":
        return replace(self, after=None)


def view_of(query: str) -> tuple[View, dict[str, str]]:
    """The view in the query of an address, and its other parameters. Raises UsageError."""
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="surrogateescape", max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise UsageError(f"the address has more than {_FIELDS_MAX} parameters") from None
    words = [value for name, value in pairs if name == "term"]
    rest = {name: value for name, value in pairs if name != "term"}
    view = View(
        _bounded(words),
        rest.pop("order", "") == "oldest",
        rest.pop("redact", "") == "1",
        _moment(rest.pop("after", "")),
    )
    return view, rest


def words_of(line: str) -> tuple[str, ...]:
    """The words of a line as it is typed in a shell. Raises UsageError."""
    try:
        typed = shlex.split(line)
    except ValueError as error:
        raise UsageError(
            f"{line!r}: {str(error).lower()}: close it, or escape it with \\"
        ) from None
    return _bounded(joined(typed))


def joined(typed: Sequence[str]) -> list[str]:
    """The same with each option and its value as one word: `--since=2h`."""
    words: list[str] = []
    for word in typed:
        if words and words[-1] in _OPTIONS:
            words[-1] = f"{words[-1]}={word}"
        else:
            words.append(word)
    return words


def filter_for(words: Iterable[str]) -> Filter:
    """As `execdb query` reads these words. Raises UsageError."""
    chosen: list[FilterOptions] = []
    try:
        _command().main([*words], standalone_mode=False, prog_name="execdb query", obj=chosen)
    except typer.TyperException as error:
        raise UsageError(error.format_message().strip().removesuffix(".")) from None
    found = replace(filter_of(chosen[0]), replays=True)
    # The span that such a term has become says the same, and rows need not be compared with it.
    return replace(found, terms=tuple(term for term in found.terms if not _is_span(term)))


def _is_span(term: Term) -> bool:
    only = term.any_of[0] if len(term.any_of) == 1 else None
    return term.field == "time_ns" and not term.negated and isinstance(only, Range)


@cache
def _command() -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @with_option_classes
    def choose(context: typer.Context, chosen: FilterOptions) -> None:
        context.obj.append(chosen)

    app.command("query", context_settings={"help_option_names": []})(choose)
    return typer.main.get_command(app)


def term_of(field: str, value: Any) -> str:
    """The term that only this value fulfils."""
    if value is None:
        return f"{field}=null"
    text = re.sub(r"([,*?\\])", r"\\\1", str(value)) if isinstance(value, str) else str(value)
    escaped = text == "null" or text.startswith("=")
    return f"{field}=\\{text}" if escaped else f"{field}={text}"


def time_term(since_ns: int, until_ns: int) -> str:
    """From `since_ns` up to `until_ns`, which is not part of it."""
    return f"time={_short(since_ns)}..{_short(until_ns - 1)}"


def _short(time_ns: int) -> str:
    """Without zeros at the end of the second."""
    text = rfc3339(time_ns)
    return re.sub(r"\.?0*Z$", "Z", text) if "." in text else text


def _bounded(words: Sequence[str]) -> tuple[str, ...]:
    if len(words) > _WORDS_MAX or sum(map(len, words)) > _CHARS_MAX:
        raise UsageError(f"too much at once: give at most {_WORDS_MAX} terms")
    return tuple(dict.fromkeys(word for word in words if word))


def _moment(text: str) -> Moment | None:
    if not text:
        return None
    found = re.fullmatch(r"-?\d{1,19}(_-?\d{1,19}){2,3}", text, re.ASCII)
    numbers = [int(each) for each in text.split("_")] if found else []
    if not numbers or max(map(abs, numbers)) >= 1 << 63:
        raise UsageError("the address names no place in the list: remove what follows after=")
    return Moment(*numbers)
