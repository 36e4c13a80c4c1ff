"""Options of known programs whose values are secrets, although their names do not say so."""

import re
from typing import NamedTuple

from execdb.store.redaction.shapes import REDACTED, hide_shapes

_LETTERS = re.compile(r"-[A-Za-z]{2,12}")


class Option(NamedTuple):
    """A secret that is given to a program by a short option, or after a word."""

    names: tuple[str, ...]
    keep_to: str = ""  # what stays: the value up to this character, `user:` of `user:secret`
    keep_from: str = ""  # and what stays after it; without this character nothing is secret
    next_too: bool = True  # the value may also stand in the next argument
    after: str = ""  # only where this word was given before, as in `docker login`
    clusters: bool = False  # may end several letters, as in `curl -su user:secret`
    between: int = 0  # words between the name and the value, as in `add_user bob secret`

    def hide(self, value: str) -> str:
        """The value of the option without its secret; all of it if there is nothing to keep."""
        if not self.keep_to:
            return REDACTED if value else value
        if self.keep_from and ("://" in value or self.keep_from not in value):
            return hide_shapes(value)
        kept, separator, secret = value.partition(self.keep_to)
        rest = self.keep_from and self.keep_from + secret.rpartition(self.keep_from)[2]
        return f"{kept}{separator}{REDACTED}{rest}" if secret else value

    def takes_next(self, word: str) -> bool:
        """Whether the argument after this one is the value."""
        if not self.next_too:
            return False
        cluster = self.clusters and _LETTERS.fullmatch(word) is not None
        return word in self.names or (cluster and f"-{word[-1]}" in self.names)

    def joined_in(self, word: str) -> str | None:
        """What precedes the value in a word that also contains it: `-p`, `--user=`."""
        for name in () if self.between else self.names:
            start = f"{name}=" if len(name) > 2 and self.next_too else name
            if word.startswith(start) and len(word) > len(start):
                return None if len(name) == 2 and word.startswith("--") else start
        return None


_TOOLS = (  # names, options
    ("curl", (
        Option(("-u", "--user", "-U", "--proxy-user", "-E", "--cert"), keep_to=":", clusters=True),
        Option(("-b",), keep_to="="),
        Option(("-x", "--proxy", "--preproxy"), keep_to=":", keep_from="@"),
    )),
    ("etcdctl", (Option(("--user",), keep_to=":"),)),
    ("http https xh", (Option(("-a", "--auth"), keep_to=":"),)),
    # `-p secret` would be a prompt, and a database.
    ("mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlsh mysqlslap mysqlpump"
     " mysqlbinlog mysql_upgrade mariadb mariadb-dump mariadb-admin mycli xtrabackup mariabackup"
     " 7z 7za 7zr rar unrar", (Option(("-p",), next_too=False),)),
    ("mysqladmin mariadb-admin", (Option(("password",)),)),
    ("rar unrar", (Option(("-hp",), next_too=False),)),
    ("zip unzip sqlcmd bcp tsql osql ipmitool mosquitto_pub mosquitto_sub", (Option(("-P",)),)),
    ("mongo mongosh mongodump mongorestore mongoexport mongoimport sshpass useradd usermod cqlsh"
     " twine rdesktop ncftp ncftpget ncftpput cypher-shell rabbitmqadmin racadm hydra steghide"
     " netexec crackmapexec evil-winrm", (Option(("-p",)),)),
    ("docker podman nerdctl buildah skopeo helm az oc", (Option(("-p",), after="login"),)),
    ("poetry", (Option(("-p",), after="publish"),)),
    ("aws", (Option(("--value",), after="put-parameter"),)),
    ("mc", (Option(("set",), between=3, after="alias"),)),
    ("ldappasswd", (Option(("-s", "-a")),)),
    # `-nb user secret` prints; without n a file comes first.
    ("htpasswd", (
        Option(("-nb", "-bn", "-nbB", "-Bbn", "-nbm", "-bnB", "-nBb"), between=1),
        Option(("-b", "-bc", "-cb", "-bB", "-Bb", "-bcB", "-cbB", "-Bbc", "-Bcb"), between=2),
    )),
    ("rabbitmqctl", (Option(("add_user", "change_password"), between=1),)),
    ("virsh", (Option(("set-user-password",), between=2),)),
    ("ssh-keygen", (Option(("-N", "-P")),)),
    ("wpa_cli", (Option(("psk",)),)),
    ("doctl", (Option(("-t",)),)),
    ("neo4j-admin", (Option(("set-initial-password",)),)),
    ("ngrok", (Option(("authtoken", "add-authtoken")),)),
    ("ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami ldapcompare",
     (Option(("-w",)),)),
    ("smbclient rpcclient smbget net winexe", (Option(("-U", "--user"), keep_to="%"),)),
    ("redis-cli", (Option(("-a", "auth", "AUTH", "requirepass")),)),
    ("lftp", (Option(("-u", "--user"), keep_to=","),)),
    ("snmpget snmpset snmpwalk", (Option(("-A", "-X", "-c")),)),
    ("openssl", (
        Option(("-pass", "-passin", "-passout"), keep_to="pass:"),
        Option(("-k", "-K"), after="enc"),
        Option(("-hmac",)),
        Option(("-macopt",), keep_to=":"),
        Option(("-1", "-5", "-6", "-apr1"), after="passwd"),
    )),
    ("kubectl oc", (Option(("--from-literal",), keep_to="=", after="secret"),)),
    ("gh", (Option(("-b", "--body"), after="secret"),)),
    ("dotnet nuget", (Option(("-k",), after="push"),)),
    ("influx", (Option(("-t",)),)),
    ("swaks sendemail", (Option(("-ap", "-xp")),)),
    ("vault cargo", (Option(("login",)),)),
    ("vault", (Option(("unseal",)),)),
    ("bw", (Option(("unlock",)),)),
    ("nmcli", (Option(("password", "psk", "wifi-sec.psk", "802-11-wireless-security.psk")),)),
    ("iwconfig", (Option(("key",)),)),
    ("pdftk", (Option(("input_pw", "user_pw", "owner_pw")),)),
    ("xfreerdp wlfreerdp", (Option(("/p:",), next_too=False),)),
)  # fmt: skip
TOOLS: dict[str, tuple[Option, ...]] = {}
for _names, _options in _TOOLS:
    for _name in _names.split():
        TOOLS[_name] = (*TOOLS.get(_name, ()), *_options)


def tool_in(word: str) -> str | None:
    """The name of the program in TOOLS that this word is the name or the path of."""
    name = word.rpartition("/")[2]
    return name if name in TOOLS and "://" not in word else None
