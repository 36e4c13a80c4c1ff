"""Whether the name of an option, a variable or a header says that its value is a secret."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # also of camelCase
_ENDS_IN = re.compile(
    r"(?:password|passwd|passphrase|passcode|passwort|secret|token|credential"
    r"|(?:api|auth|secret|access|private)key|(?:root|admin|user|db)pw"
    r"|(?:key|store|require|user|root|db|ssh|my|admin|login|mail|smtp|ftp|bind)pass)s?"
)
_ALONE = {"pass", "pwd", "pw", "psk", "bearer", "authorization", "cookie", "key", "keys"}
_ALONE |= {"cred", "creds", "jwt", "otp"}
_ALONE |= {"signature", "sig"}  # of a URL, with which anyone may use it
# Of an option they are mostly files, or how to sort.
_NO_OPTIONS = (["key"], ["keys"], ["signature"], ["sig"])
_PASSES_ON = re.compile("pass-(?!word|phrase|code|key)")  # `--pass-through`, `--pass-env`
# What the value is instead, by the last word: `--password-file`, `TOKEN_URL`, `KEY_ID`.
_ABOUT_IT = re.compile(
    "files?|path|dir|directory|folder|ids?|names?|url|uri|endpoint|stdin|fd|prompt|size|len|length|"
    "types?|format|count|limit|bits|alg|algorithms?|policy|regex|only|checking|expiry|ttl|age|"
    "timeout|server|store|ring|agent|jar|socket|sock|command|cmd|program|helper|usage|index|version"
)
# It is a switch, a number or the public half, by the first word: `--no-password`, `--max-tokens`.
_NOT_THE_VALUE = re.compile(
    "no|not|ask|prompt|max|min|num|without|skip|disable|enable|allow|require|need|has|is|show|list|"
    "print|keep|gen|generate|public|pub"
)
# What an option does with a secret that is elsewhere: `gpg --export-secret-keys`.
_ACTION = re.compile("load|save|recv|receive|export|import|delete|search|send|edit")
# A key of a table or of a host, or its name: `--default-key`, but not `DEFAULT_PASSWORD`.
_OTHER_KEY = re.compile("refresh|default|primary|foreign|sort|partition|group|cache|host")
_KEYS = ("key", "keys")
_WORKING_FOLDER = ("PWD", "OLDPWD")
_WHOLE = {"_auth", "x-auth"}  # of npm; a header. `auth` alone is mostly the name of a method.


def says_secret(name: str) -> bool:
    """Whether a value that is given under this name (`--db-password`, `API_KEY`, `-Dtoken`) should
    be hidden. Of an option, `key` or `signature` alone does not say so."""
    bare = name.lstrip("-")
    option = len(bare) < len(name)
    if not option and bare in _WORKING_FOLDER:
        return False
    if bare.lower() in _WHOLE or _in_words(_WORD.findall(bare), option):
        return True
    joined = len(name) - len(bare) == 1  # `-DNAME=value`, `-eNAME=value`
    return joined and _in_words(_WORD.findall(bare[1:]), option)


def _in_words(words: list[str], option: bool) -> bool:
    lower = [word.lower() for word in words]
    if not lower or _ABOUT_IT.fullmatch(lower[-1]) or _NOT_THE_VALUE.fullmatch(lower[0]):
        return False
    if (option or lower[-1] in _KEYS) and _ACTION.fullmatch(lower[0]):
        return False
    if lower[-1] in _KEYS and _OTHER_KEY.fullmatch(lower[0]):
        return False
    if option and (lower in _NO_OPTIONS or _PASSES_ON.match("-".join(lower))):
        return False
    return any(word in _ALONE or _ends_in_secret(word) for word in lower)


def _ends_in_secret(word: str) -> bool:
    # From a few characters before the end on: a word may be as long as an argument.
    return any(
        _ENDS_IN.fullmatch(word, start) for start in range(max(0, len(word) - 12), len(word))
    )
