"""The URL of a central store, which is never printed with its password. Imports no driver."""

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from execdb.store.errors import UsageError

_SCHEMES = ("postgresql://", "postgres://")
_SECRET = {"password", "sslpassword", "passfile", "scram_client_key", "scram_server_key"}
HIDDEN = "***"
_BETWEEN = re.compile("[@:/?#&=]+")
_REPEATED = (
    "what was said repeats a part of the URL: in a password or name, write characters such as"
    " @ : / ? # as %40 %3A %2F %3F %23"
)


class CentralUrl:
    """`text` is the URL for the driver, `str()` what may be shown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        try:
            parts = urlsplit(self.text)
            query = parse_qsl(parts.query, keep_blank_values=True)
            unclear = self._is_unclear()
        except ValueError:  # nobody knows where its password is
            return f"postgresql://{HIDDEN}"
        if unclear:
            return f"postgresql://{HIDDEN}"
        user, at, host = parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        shown = [(key, HIDDEN if _is_secret(key, value) else value) for key, value in query]
        place = f"{name}{f':{HIDDEN}' if colon else ''}{at}{host}"
        options = urlencode(shown, quote_via=quote, safe=f"/{HIDDEN}")
        return urlunsplit((parts.scheme, place, parts.path, options, ""))

    __repr__ = __str__

    def without_password(self) -> "tuple[CentralUrl, str | None]":
        """The URL without its password, and the password. Raises UsageError if nobody can tell
        where it is, or if it has other secrets."""
        try:
            parts = urlsplit(self.text)
            query = parse_qsl(parts.query, keep_blank_values=True)
            unclear = self._is_unclear()
        except ValueError:
            unclear, query = True, []
        others = [key for key, value in query if _is_secret(key, value) and key != "password"]
        if unclear or others:
            raise UsageError(
                f"{self} cannot be written without its secrets: in a password or name, write "
                "characters such as @ : / ? # as %40 %3A %2F %3F %23, and no secret but a password"
            )
        user, at, host = parts.netloc.rpartition("@")
        name, _, typed = user.partition(":")
        found = [unquote(typed), *(value for key, value in query if key == "password")]
        rest = urlencode([pair for pair in query if pair[0] != "password"], quote_via=quote)
        text = urlunsplit((parts.scheme, f"{name}{at}{host}", parts.path, rest, ""))
        if text.startswith(f"{parts.scheme}:/") and "://" not in text:  # no host, a socket
            text = text.replace(":/", ":///", 1)
        return CentralUrl(text), next((each for each in reversed(found) if each), None)

    def without_secrets(self, sentence: str) -> str:
        """The sentence without a password of this URL, or another one if it may have a part."""
        secrets = self._secrets()
        if any(secret in sentence for secret in secrets) and self._is_unclear():
            return _REPEATED
        for secret in sorted(secrets, key=len, reverse=True):
            sentence = sentence.replace(secret, HIDDEN)
        return sentence

    def _is_unclear(self) -> bool:
        """Whether a password may go on where the host has ended: drivers differ in that."""
        return "#" in self.text or self.text.count("@") > ("@" in urlsplit(self.text).netloc)

    def _secrets(self) -> set[str]:
        try:
            parts = urlsplit(self.text)
            found = {pair[1] for pair in parse_qsl(parts.query) if _is_secret(*pair)}
            unclear = self._is_unclear()
        except ValueError:
            return {self.text}
        typed = self.text.partition("://")[2].rpartition("@")[0].partition(":")[2]
        pieces = _BETWEEN.split(typed) if unclear else ()
        every = (*found, typed, *pieces)
        return {each for each in (*every, *map(unquote, every)) if each}


def _is_secret(key: str, value: str) -> bool:
    return key in _SECRET or "password" in value


def is_central(text: str) -> bool:
    """Whether this is the URL of a central store, not the path of a file."""
    return text.startswith(_SCHEMES)
