"""Where the files of the service are."""

from pathlib import Path

UNIT = "execdb.service"
UNIT_FILE = Path("/etc/systemd/system") / UNIT
HANDOVER_UNIT = "execdb-handover.service"
HANDOVER_FILE = Path("/run/systemd/system") / HANDOVER_UNIT
SYSUSERS_FILE = Path("/etc/sysusers.d/execdb.conf")
OPTIONS_FILE = Path("/etc/execdb.toml")
FOLDER = Path("/var/lib/execdb")
USER = "execdb"
SHIP_UNIT = "execdb-ship.service"
SHIP_UNIT_FILE = Path("/etc/systemd/system") / SHIP_UNIT
SHIP_SYSUSERS_FILE = Path("/etc/sysusers.d/execdb-ship.conf")
SHIP_PASSWORD_FILE = Path("/etc/execdb-ship.pgpass")
SHIP_USER = "execdb-ship"
# On every distribution's path, and not its own files:
SHARE = Path("/usr/local/share")
MAN = SHARE / "man/man1"
COMPLETIONS = {
    "bash": SHARE / "bash-completion/completions/execdb",
    "zsh": SHARE / "zsh/site-functions/_execdb",
    "fish": SHARE / "fish/vendor_completions.d/execdb.fish",
}
