"""Secrets that are recognised by their own shape, wherever they stand.

Each pattern takes time in proportion to the text, also for text that was made to be slow: what it
repeats either cannot be left (`++`), has a bound, or cannot contain where the pattern begins.
"""

import re
from typing import NamedTuple

REDACTED = "[redacted]"


class Shape(NamedTuple):
    """The part of a match that its first group holds stays before `[redacted]`, that of the second
    after it."""

    name: str
    pattern: re.Pattern[str]


_BEFORE = r"()(?<![A-Za-z0-9_-])"


def _token(name: str, pattern: str) -> Shape:
    return Shape(name, re.compile(f"{_BEFORE}(?:{pattern})()"))


SHAPES = (
    # Up to the last @ of the host's part (RFC 3986, section 3.2); a port is no password.
    Shape(
        "password in a URL",
        re.compile(r"""(://[^\s/:@'"]*+:)(?!\d{1,5}[?#])[^\s/'"]+(@)"""),
    ),
    Shape(
        "private key (PEM, RFC 7468)",
        re.compile(
            r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)"
            r"(?:.*?(?=-----END )|.*)()",
            re.DOTALL,
        ),
    ),
    _token("AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("GitHub token", r"(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})\w*+"),
    _token("GitLab token", r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat)-[\w.-]{20}[\w.-]*+"),
    _token("Slack token", r"(?:xox[a-z]|xapp)-[\w-]{10}[\w-]*+"),
    Shape("Slack webhook", re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]++()")),
    _token("JSON Web Token (RFC 7519)", r"eyJ[\w-]{8}[\w-]*+\.eyJ[\w-]++\.[\w-]*+"),
    _token("Google API key", r"AIza[\w-]{35}(?![\w-])"),
    _token("Stripe key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16}\w*+"),
    _token("npm or PyPI token", r"npm_[A-Za-z0-9]{36}\w*+|pypi-AgE[\w-]{50}[\w-]*+"),
    # Basic, Bearer and others, also where the header's name stands elsewhere (RFC 9110, 11.4).
    Shape(
        "HTTP credentials",
        re.compile(r"(\b(?:[Bb]earer|[Bb]asic) )(?=[\w.~+/-]{16})[\w.~+/=-]++()"),
    ),
)


def hide_shapes(text: str) -> str:
    """The text without secrets of a known shape."""
    for shape in SHAPES:
        text = shape.pattern.sub(rf"\1{REDACTED}\2", text)
    return text
