"""The URL of a central store, which is never printed with its password. Imports no driver."""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

_SCHEMES = ("postgresql://", "postgres://")
_SECRET = {"password", "sslpassword", "passfile", "scram_client_key", "scram_server_key"}
HIDDEN = "***"


class CentralUrl:
    """`text` is the URL for the driver, `str()` what may be shown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        try:
            parts = urlsplit(self.text)
            query = parse_qsl(parts.query, keep_blank_values=True)
        except ValueError:  # nobody knows where its password is
            return f"postgresql://{HIDDEN}"
        user, at, host = parts.netloc.rpartition("@")
        name, colon, _ = user.partition(":")
        shown = [(key, HIDDEN if key in _SECRET else value) for key, value in query]
        place = f"{name}{f':{HIDDEN}' if colon else ''}{at}{host}"
        options = urlencode(shown, quote_via=quote, safe=f"/{HIDDEN}")
        return urlunsplit((parts.scheme, place, parts.path, options, ""))

    __repr__ = __str__

    def without_secrets(self, sentence: str) -> str:
        """The sentence without a password of this URL."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            sentence = sentence.replace(secret, HIDDEN)
        return sentence

    def _secrets(self) -> set[str]:
        try:
            parts = urlsplit(self.text)
            found = {value for key, value in parse_qsl(parts.query) if key in _SECRET}
        except ValueError:
            return {self.text}
        typed = parts.netloc.rpartition("@")[0].partition(":")[2]
        return {each for each in (*found, typed, unquote(typed)) if each}


def is_central(text: str) -> bool:
    """Whether this is the URL of a central store, not the path of a file."""
    return text.startswith(_SCHEMES)
