"""Values that stand after a name which says that they are secret: `NAME=value`, `NAME: value`,
`"name": "value"`, also in the middle of a text."""

import re

from execdb.store.redaction.names import says_secret
from execdb.store.redaction.shapes import REDACTED

_NAME = r"[\w.\-]++"
# A name begins where no other character of a name precedes, so each is read once.
_ANYWHERE = re.compile(
    rf"(?<![\w.\-])(?P<name>{_NAME})"
    r"""(?:(?P<header>:[ \t]{1,8}(?=\S))|(?P<json>\\?["']\s{0,8}:\s{0,8})|\]?=)"""
)
_AT_BEGIN = re.compile(rf"(?:[\w.\-]+\[)?(?P<name>{_NAME})\]?=")
# `X-Auth-Token:value`; `secret:/run/secret` is a volume.
_HEADER_AT_BEGIN = re.compile(r"(?P<name>(?:[A-Z]|x-)[\w-]*+):(?=[^\s/:])")
_NEXT_OF_FORM = re.compile(r"&[\w.\-\[\]%]{1,100}=")  # application/x-www-form-urlencoded
_QUOTED = re.compile(r"""\\"(?:[^"\\]|\\[^"])*(?:\\")?|"(?:[^"\\]|\\.)*"?|'[^']*'?""", re.DOTALL)
# No `++` here: Python 3.11 before 3.11.5 gets it wrong where what it repeats looks ahead.
# What `$(...)` and backquotes contain belongs to the value.
_BARE = re.compile(r"""(?:\$\([^()]{0,200}\)|`[^`]{0,200}`|[^\s&;,'"]|,(?!\w{1,64}=))+""")
# A list or an object is secret as a whole; if it has more in it, so is the rest of the text.
_IN_JSON = re.compile(r"""\[[^\[\]]{0,2000}\]|\{[^{}]{0,2000}\}|[\[{].*|[^\s,}\]"']++""", re.DOTALL)
_HEADER = re.compile(r"""[^\r\n"']++""")
_SCHEME = re.compile(r"(?:Basic|Bearer|Digest|Negotiate|Token|ApiKey|AWS4-HMAC-SHA256) +", re.I)
_NAME_AT_END = re.compile(r"""(?:^|[^\w.\-])([\w.\-]{1,100})\\?["']?:$""")
# No secrets: switches, single digits, and what a shell puts in there only later.
_OPEN = re.compile(r"\d?|true|false|yes|no|on|off|null|none|\$\w+|\$\{\w+\}", re.I)


def ends_in_secret_name(argument: str) -> bool:
    """Whether it is a header's or a key's name, `Authorization:`, whose value stands in the next
    argument, because someone has forgotten to quote them."""
    if not argument.endswith(":"):
        return False
    found = _NAME_AT_END.search(argument[-120:])
    return found is not None and says_secret(found[1])


def is_before_value(argument: str) -> bool:
    """Whether it stands between such a name, or an option, and the value: `=`, `Bearer`."""
    return argument == "=" or _SCHEME.fullmatch(f"{argument} ") is not None


def hide_value(value: str) -> str:
    """What is shown instead of a value that is known to be secret."""
    return value if _OPEN.fullmatch(value) else REDACTED


def hide_whole_value(argument: str) -> str | None:
    """An argument that is `NAME=value`, `--name=value` or `Name:value`, where the value is secret
    and may contain anything, blanks included, but `&NAME=`. None if it is no such argument."""
    found = _AT_BEGIN.match(argument) or _HEADER_AT_BEGIN.match(argument)
    if found is None or not says_secret(found["name"]):
        return None
    rest = _NEXT_OF_FORM.search(argument, found.end())
    end = rest.start() if rest else len(argument)
    shown = hide_value(argument[found.end() : end])
    return argument[: found.end()] + shown + hide_values(argument[end:])


def hide_values(text: str) -> str:
    """The text without the values that stand after names which say that they are secret."""
    shown: list[str] = []
    done = at = 0
    while found := _ANYWHERE.search(text, at):
        at = found.end()
        if says_secret(found["name"]):
            begin, end = _value_at(text, found)
            shown += text[done:begin], hide_value(text[begin:end])
            done = at = end
    return "".join(shown) + text[done:]


def _value_at(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Where the value after this name begins and ends, without its quotes."""
    begin = found.end()
    if found["header"]:
        scheme = _SCHEME.match(text, begin)
        begin = scheme.end() if scheme else begin
        return _span(_HEADER.match(text, begin), begin)
    quoted = _QUOTED.match(text, begin)
    if quoted is None:
        return _span((_IN_JSON if found["json"] else _BARE).match(text, begin), begin)
    mark = 2 if quoted[0].startswith("\\") else 1
    closed = len(quoted[0]) >= 2 * mark and quoted[0].endswith(text[begin : begin + mark])
    return begin + mark, quoted.end() - (mark if closed else 0)


def _span(value: re.Match[str] | None, begin: int) -> tuple[int, int]:
    return value.span() if value else (begin, begin)
