"""Hides what looks like a secret in the arguments of a program."""

import re
from collections.abc import Callable, Iterable, Iterator

from execdb.store.event import Event
from execdb.store.redaction.names import says_secret
from execdb.store.redaction.shapes import hide_shapes
from execdb.store.redaction.tools import TOOLS, Option, tool_in
from execdb.store.redaction.values import hide_value, hide_values, hide_whole_value

_OPTION = re.compile(r"--?[A-Za-z][\w.\-]*+")
# After `--password`, these are the next option, not its value.
_NEXT_OPTION = re.compile(r"-[A-Za-z]|--|--[a-z][a-z-]*+(?:=.*)?", re.DOTALL)
_SCRIPT_NEXT = re.compile(r"-[a-z]{0,8}c")  # sh -c, bash -lc, su -c
# A word of a shell's line. A quote that is never closed is a character like others.
_WORD = re.compile(r"""(?:[^\s'"\\;|&()]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|['"\\])+""", re.DOTALL)
_BLANK = re.compile(r"\s")
_DEEP = 3  # lines within lines that are still read as words
_REMEMBERED_CHARS = 2_000_000


def redact_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments, each secret in them replaced by `[redacted]`. Takes time in proportion to
    their length."""
    return tuple(_redact(argv, _DEEP, in_line=False))


def redact_events(events: Iterable[Event]) -> Iterator[Event]:
    """The same events with redacted arguments."""
    remembered: dict[tuple[str, ...], tuple[str, ...]] = {}
    chars = 0
    for event in events:
        shown = remembered.get(event.argv)
        if shown is None:
            shown = redact_argv(event.argv)
            chars += sum(map(len, event.argv)) + len(shown)
            if chars > _REMEMBERED_CHARS:
                remembered.clear()
                chars = 0
            remembered[event.argv] = shown
        yield event if shown == event.argv else event._replace(argv=shown)


def _redact(words: Iterable[str], deep: int, *, in_line: bool) -> Iterator[str]:
    tools: set[str] = set()
    options: list[Option] = []
    before: set[str] = set()  # words that an Option may be `after`
    secret_next: Option | None = None
    last = ""
    for word in words:
        if secret_next is not None and not _NEXT_OPTION.fullmatch(word):
            yield _in_quotes(word, secret_next.hide if secret_next.names else hide_value)
            secret_next, last = None, ""
            continue
        tool = tool_in(word)
        if tool is not None and tool not in tools:
            tools.add(tool)
            options += TOOLS[tool]
        before.update(option.after for option in options if option.after == word)
        bare = word[1:-1] if in_line and word[:1] in ("'", '"') and word[-1] == word[0] else word
        secret_next, shown = None, None
        if bare.startswith("-"):
            own = [option for option in options if not option.after or option.after in before]
            secret_next = _option_before_secret(bare, own)
            shown = _with_joined_secret(bare, own)
        if shown is None:
            script = in_line or _SCRIPT_NEXT.fullmatch(last) is not None
            shown = _argument(word, deep, in_line=in_line, script=script)
        yield shown
        last = word


_BY_NAME = Option(())  # its name said that the next argument is secret


def _option_before_secret(word: str, options: Iterable[Option]) -> Option | None:
    """The option that this word is, if the next one is its secret."""
    for option in options:
        if option.takes_next(word):
            return option
    return _BY_NAME if _OPTION.fullmatch(word) and says_secret(word) else None


def _with_joined_secret(word: str, options: Iterable[Option]) -> str | None:
    """The word as shown if it is an option that contains its secret."""
    for option in options:
        start = option.joined_in(word)
        if start is not None:
            return start + _in_quotes(word[len(start) :], option.hide)
    return None


def _argument(word: str, deep: int, *, in_line: bool, script: bool) -> str:
    """Any other word. Of a word in a line only what depends on the words around it is looked at:
    the line is searched as a whole afterwards."""
    if not script or word.startswith("-"):
        whole = hide_whole_value(word)
        if whole is not None:
            return whole if in_line else hide_shapes(whole)
    shown = _line(word, deep - 1) if deep and _BLANK.search(word) else word
    return shown if in_line else hide_shapes(hide_values(shown))


def _line(text: str, deep: int) -> str:
    """A text of several words, such as a script: each is read like an argument."""
    found = list(_WORD.finditer(text))
    words = [match[0] for match in found]
    if len(words) == 1:  # in quotes
        return _in_quotes(text, lambda inner: _line(inner, deep - 1)) if deep else text
    parts: list[str] = []
    done = 0
    for match, shown in zip(found, _redact(words, deep, in_line=True), strict=True):
        parts += text[done : match.start()], shown
        done = match.end()
    return "".join(parts) + text[done:]


def _in_quotes(word: str, change: Callable[[str], str]) -> str:
    if len(word) > 1 and word[0] in "'\"" and word[-1] == word[0]:
        return word[0] + change(word[1:-1]) + word[0]
    return change(word)
