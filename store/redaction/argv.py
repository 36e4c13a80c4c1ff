"""Hides what looks like a secret in the arguments of a program."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from execdb.store.event import Event
from execdb.store.json_text import json_of
from execdb.store.redaction.names import says_secret
from execdb.store.redaction.own_patterns import OwnPattern, hide_own
from execdb.store.redaction.shapes import hide_shapes
from execdb.store.redaction.tools import TOOLS, Option, tool_in
from execdb.store.redaction.values import (
    ends_in_secret_name,
    hide_value,
    hide_values,
    hide_whole_value,
    is_before_value,
)

_OPTION = re.compile(r"--?[A-Za-z][\w.\-]*+")
_SETTING = re.compile(r"[\w./:-]{0,200}[_.:-][A-Za-z]{1,30}|[a-z]{1,30}(?:[A-Z][a-z]{1,30}){1,4}")
# After `--password`, these are the next option, not its value.
_NEXT_OPTION = re.compile(r"-[A-Za-z]|-[a-z]{3,20}=.*|--|--[a-z][a-z-]*+(?:=.*)?", re.DOTALL)
_SCRIPT_NEXT = re.compile(r"-[a-z]{0,8}c")  # sh -c, bash -lc, su -c
# A word of a shell's line. A quote that is never closed is a character like others.
_WORD = re.compile(r"""(?:[^\s'"\\;|&()]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|['"\\])+""", re.DOTALL)
_BLANK = re.compile(r"\s")
_DEEP = 3  # lines within lines that are still read as words
_REMEMBERED_CHARS = 2_000_000
_JSON = json.JSONDecoder()
_ARRAYS_MAX = 64  # in a text: where each begins in the one before, time grows with their number


def redact_argv(argv: tuple[str, ...], own: Sequence[OwnPattern] = ()) -> tuple[str, ...]:
    """The arguments, each secret in them replaced by `[redacted]`, also those of `own` patterns.
    Takes time in proportion to their length."""
    shown = _redact(argv, _DEEP, in_line=False)
    return tuple(hide_own(each, own) for each in shown) if own else tuple(shown)


def redact_text(text: str, own: Sequence[OwnPattern] = ()) -> str:
    """A text that may be a command line, or contain arguments as JSON arrays."""
    parts: list[str] = []
    done = 0
    for begin, end, argv in _arrays_in(text):
        parts += _redact_line(text[done:begin], own), json_of(list(redact_argv(argv, own)))
        done = end
    return "".join(parts) + _redact_line(text[done:], own)


def _redact_line(text: str, own: Sequence[OwnPattern]) -> str:
    return hide_own(_argument(text, _DEEP, in_line=False, script=True), own) if text else text


def _arrays_in(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Where JSON arrays of texts begin and end, and what is in them."""
    at = 0
    for _ in range(_ARRAYS_MAX):
        at = text.find('["', at)
        if at < 0:
            return
        try:
            argv, end = _JSON.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if all(isinstance(each, str) for each in argv):
            yield at, end, tuple(argv)
        at = end


def redact_events(events: Iterable[Event], own: Sequence[OwnPattern] = ()) -> Iterator[Event]:
    """The same events with redacted arguments."""
    redact = Remembering(own)
    for event in events:
        shown = redact(event.argv)
        yield event if shown == event.argv else event._replace(argv=shown)


class Remembering:
    """`redact_argv`, whose answers are remembered, up to a size: most arguments recur."""

    def __init__(self, own: Sequence[OwnPattern] = ()) -> None:
        self._own = own
        self._shown: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._chars = 0

    def __call__(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        shown = self._shown.get(argv)
        if shown is None:
            shown = redact_argv(argv, self._own)
            self._chars += sum(map(len, argv)) + len(argv)
            if self._chars > _REMEMBERED_CHARS:
                self._shown.clear()
                self._chars = 0
            self._shown[argv] = shown
        return shown


def _redact(words: Iterable[str], deep: int, *, in_line: bool) -> Iterator[str]:
    tools: set[str] = set()
    options: list[Option] = []
    before: set[str] = set()  # words that an Option may be `after`
    secret_next: Option | None = None
    between = 0  # words that come before the secret
    last = ""
    in_config = False
    for word in words:
        if secret_next is not None and not between and is_before_value(word):
            yield word  # of `--password = secret`, of `Authorization: Bearer secret`
            continue
        if secret_next is not None and not between and not _NEXT_OPTION.fullmatch(word):
            yield _in_quotes(word, secret_next.hide if secret_next.names else hide_value)
            secret_next, last = None, ""
            continue
        secret_next, between = (secret_next, between - 1) if between else (None, 0)
        tool = tool_in(word)
        if tool is not None and tool not in tools:
            tools.add(tool)
            options += TOOLS[tool]
        before.update(option.after for option in options if option.after == word)
        bare = word[1:-1] if in_line and word[:1] in ("'", '"') and word[-1] == word[0] else word
        shown = None
        setting = last == "set" or in_config
        if options or bare.startswith("-") or setting:
            own = [option for option in options if not option.after or option.after in before]
            if (found := _option_before_secret(bare, own, setting=setting)) is not None:
                secret_next, between = found, found.between
            shown = _with_joined_secret(bare, own)
        if not in_line and ends_in_secret_name(word):
            secret_next, between = _BY_NAME, 0
        if shown is None:
            script = in_line or _SCRIPT_NEXT.fullmatch(last) is not None
            shown = _argument(word, deep, in_line=in_line, script=script)
        yield shown
        last, in_config = word, in_config or word == "config"


_BY_NAME = Option(())  # its name said that the next argument is secret


def _option_before_secret(word: str, options: Iterable[Option], *, setting: bool) -> Option | None:
    """The option that this word is, if the next one is its secret; also the name of a
    `setting`, as in `config set api_key secret`."""
    for option in options:
        if option.takes_next(word):
            return option
    names = _OPTION.fullmatch(word) or (setting and _SETTING.fullmatch(word))
    return _BY_NAME if names and says_secret(word) else None


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
