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


_TOKENS = (
    _token("AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("GitHub token", r"(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})\w*+"),
    _token("GitLab token", r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat)-[\w.-]{20}[\w.-]*+"),
    _token("Slack token", r"(?:xox[a-z]|xapp)-[\w-]{10}[\w-]*+"),
    _token("JSON Web Token (RFC 7519)", r"eyJ[\w-]{8}[\w-]*+\.eyJ[\w-]++\.[\w-]*+"),
    _token("Google API key", r"AIza[\w-]{35}(?![\w-])"),
    _token("Stripe key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16}\w*+"),
    _token("npm or PyPI token", r"npm_[A-Za-z0-9]{36}\w*+|pypi-AgE[\w-]{50}[\w-]*+"),
    _token(
        "RubyGems, Docker Hub or Shopify token",
        r"(?:rubygems_[a-f0-9]{48}|dckr_pat_[\w-]{20}|shp(?:at|ca|pa|ss)_[a-f0-9]{32})[\w-]*+",
    ),
    _token(
        "DigitalOcean or Hugging Face token", r"(?:do[opr]_v1_[a-f0-9]{64}|hf_[A-Za-z0-9]{30})\w*+"
    ),
    _token(
        "OpenAI or Anthropic key",
        r"sk-(?:(?:proj|svcacct|admin|ant)-[\w-]{16}|[A-Za-z0-9]{20})[\w-]*+",
    ),
    _token("SendGrid key", r"SG\.[\w-]{16}[\w-]*+\.[\w-]{16}[\w-]*+"),
    _token("Google OAuth token", r"ya29\.[\w-]{20}[\w-]*+"),
    _token("Vault token", r"hv[sbr]\.[\w-]{20}[\w-]*+"),
    _token(
        "Atlassian or Terraform token", r"ATATT3[\w-]{20}[\w-]*+|\w{14}\.atlasv1\.[\w-]{20}[\w-]*+"
    ),
    _token(
        "Databricks, Grafana, Linear or Sentry token",
        r"(?:dapi[a-f0-9]{32}|gl(?:sa|c)_[A-Za-z0-9]{20}|lin_api_[A-Za-z0-9]{20}|sntry[su]_\w{20})"
        r"[\w-]*+",
    ),
    _token("Google OAuth client secret", r"GOCSPX-[\w-]{20}[\w-]*+"),
    _token("age secret key", r"AGE-SECRET-KEY-1[A-Z0-9]{20}[A-Z0-9]*+"),
)
_OTHERS = (
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
    # `https://token@host`: no user's name is that long.
    Shape("token in a URL", re.compile(r"(\bhttps?://)[\w-]{20}[\w-]*+(@)")),
    Shape("Slack webhook", re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]++()")),
    # Also in the address of a request: `/bot123456789:AA.../sendMessage`.
    Shape("Telegram token", re.compile(r"((?<![\w-])(?:bot)?)\d{8,10}:AA[\w-]{30}[\w-]*+()")),
    # Basic, Bearer and others, also where the header's name stands elsewhere (RFC 9110, 11.4).
    Shape(
        "HTTP credentials",
        re.compile(r"(\b(?:[Bb]earer|[Bb]asic) )(?=[\w.~+/-]{16})[\w.~+/=-]++()"),
    ),
    Shape(
        "password in SQL",
        re.compile(
            r"""(\b(?i:identified(?: with [\w'"]{1,40})? by|password(?: for [^=;]{1,80}=| =)?) """
            r"""{1,4}['"])[^'"]+(['"])"""
        ),
    ),
    Shape(
        "password in XML",
        re.compile(r"(<(?:\w{1,20}:)?(?i:password|passwd|secret|token|apikey)>)[^<]+(</)"),
    ),
    # What is not a variable of the shell, and goes to a program that reads a password.
    Shape(
        "password from a pipe",
        re.compile(
            r"""(\b(?:echo (?:-[neE]{1,3} )?|printf ))(?!["']?\$)[^|;&\n]{1,500}"""
            r"(\| *+(?:chpasswd|sudo [^|;&\n]{0,40}-S|[^|;&\n]{1,200}--(?:password-)?stdin)\b)"
        ),
    ),
    Shape(
        "password from a here-string",
        re.compile(
            r"(\b(?:chpasswd|sudo [^|;&\n<]{0,40}-S|(?:password-)?stdin)\b[^|;&\n<]{0,99}"
            r"<<< {0,4})"
            r"""(?!["']?\$)(?:"[^"]*"|'[^']*'|[^\s'";|&)]+)()"""
        ),
    ),
)
SHAPES = (*_OTHERS, *_TOKENS)
# One search for all of them.
_BARE = [shape.pattern.pattern.removeprefix(_BEFORE) for shape in _TOKENS]
_ANY_TOKEN = re.compile(f"{_BEFORE}(?:{'|'.join(_BARE)})")


def hide_shapes(text: str) -> str:
    """The text without secrets of a known shape."""
    for shape in _OTHERS:
        text = shape.pattern.sub(rf"\1{REDACTED}\2", text)
    return _ANY_TOKEN.sub(REDACTED, text)
