"""Where the files of the service are."""

from pathlib import Path

UNIT = "execdb.service"
UNIT_FILE = Path("/etc/systemd/system") / UNIT
SYSUSERS_FILE = Path("/etc/sysusers.d/execdb.conf")
OPTIONS_FILE = Path("/etc/execdb.toml")
FOLDER = Path("/var/lib/execdb")
USER = "execdb"
# On every distribution's path, and not its own files:
SHARE = Path("/usr/local/share")
MAN = SHARE / "man/man1"
COMPLETIONS = {
    "bash": SHARE / "bash-completion/completions/execdb",
    "zsh": SHARE / "zsh/site-functions/_execdb",
    "fish": SHARE / "fish/vendor_completions.d/execdb.fish",
}
