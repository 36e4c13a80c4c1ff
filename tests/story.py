"""Two days on a made-up server, for the questions in docs/questions.md: the same each time."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from execdb.store.account import Account, Counts
from execdb.store.config.log import Who
from execdb.store.config.table import ConfigTable
from execdb.store.event import Command, Creds, End, Exec, ImageKey, Place, Start
from execdb.store.file.database import Database, open_database
from execdb.store.writing.marks import Mark, add_mark
from execdb.store.writing.recording import Machine, Recording

SECOND_NS = 10**9
MACHINE = Machine(host="web1", boot_id="0b7f2f4c-6a51-4f0e-9d55-1c1f5d1e7a90", kernel="6.12.0")
CONTAINER = "3f9c2a7d51e8" + "0" * 52
_BOOTED = "2026-11-24T06:00:00+00:00"
DAYS = (
    ("2026-11-25T08:00:00+00:00", "2026-11-25T18:00:00+00:00"),
    (
        "2026-11-26T00:00:00+00:00",
        "2026-11-26T14:00:00+00:00",
    ),
)
NOW_NS = int(datetime.fromisoformat(DAYS[1][1]).timestamp()) * SECOND_NS


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000) * 10**6


def creds(uid: int, euid: int | None = None, login: int | None = None) -> Creds:
    session, tty = (3, "pts0") if login is not None else (None, None)
    return Creds(uid, uid if euid is None else euid, uid, login, session, tty, "Hello World")


ROOT, ALICE, WWW = creds(0), creds(1000, login=1000), creds(33)
SUDO, BY_SUDO = creds(1000, 0, login=1000), creds(0, login=1000)
_HOME = Place("/home/alice/shop", "/user.slice/user-1000.slice/session-3.scope")
_CRON = Place("/", "/system.slice/cron.service")
_WEB = Place("/srv/shop", "/system.slice/php-fpm.service")
_DOCKER = Place("/", f"/system.slice/docker-{CONTAINER}.scope", container=CONTAINER)


@dataclass
class Day:
    """What happened from one start of the collector to its stop."""

    date: str
    execs: list[Exec] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    pid: int = 2_000

    def run(
        self,
        at: str,
        line: str,
        took_s: float | None,
        who: Creds,
        where: Place,
        parent: Exec,
        *,
        status: int = 0,
        path: str = "",
        memfd: str = "",
    ) -> Exec:
        """One program: `at` is its time of day, `status` as wait(2) has it."""
        self.pid += 7
        argv = tuple(line.split(" "))
        name = argv[0].rpartition("/")[2]
        file = path or f"/usr/bin/{name}"
        really = memfd or ("/usr/bin/dash" if name == "sh" else file)
        command = Command(file, name[:15], argv, len(argv), False, really, exe_deleted=bool(memfd))
        time_ns = ns(f"{self.date}T{at}+00:00")
        made = Exec(
            time_ns, time_ns - ns(_BOOTED), self.pid, parent.pid, Start(who, command, where, None),
            key(parent), False, None,
        )  # fmt: skip
        self.execs.append(made)
        if took_s is not None:
            self.ends.append(End(made.boot_ns + int(took_s * SECOND_NS), key(made), status))
        return made


def key(image: Exec) -> ImageKey:
    return image.boot_ns, image.pid


def daemon(pid: int, path: str, after_s: int) -> Exec:
    """Ran before the collector."""
    name = path.rpartition("/")[2]
    command = Command(path, name, (path,), 1, False)
    start = Start(ROOT, command, Place("/", f"/system.slice/{name}.service"), None)
    boot_ns = after_s * SECOND_NS
    return Exec(ns(_BOOTED) + boot_ns, boot_ns, pid, 1, start, None, False, None)


SYSTEMD, CRON, SSHD, FPM = (
    daemon(1, "/usr/lib/systemd/systemd", 1),
    daemon(612, "/usr/sbin/cron", 7),
    daemon(700, "/usr/sbin/sshd", 8),
    daemon(815, "/usr/sbin/php-fpm", 9),
)
_SEEN = [SYSTEMD, *(each._replace(parent=key(SYSTEMD)) for each in (CRON, SSHD, FPM))]


def backup(day: Day) -> None:
    """What cron starts at 03:00."""
    shell = day.run("03:00:01.120", "sh -c /opt/backup.sh", 44, ROOT, _CRON, CRON)
    script = day.run("03:00:01.140", "/opt/backup.sh", 43.9, ROOT, _CRON, shell,
                     path="/opt/backup.sh")  # fmt: skip
    day.run("03:00:01.300", "tar -czf /var/backups/srv.tgz /srv", 42.5, ROOT, _CRON, script,
            status=2 << 8)  # fmt: skip
    day.run("03:00:43.900", "logger backup: done", 0.004, ROOT, _CRON, script)


def build(day: Day, at: str, shell: Exec, *, killed: bool = False) -> None:
    """A make with six compilations, of which one may be killed."""
    minutes = f"{at}:{{:06.3f}}"
    make = day.run(minutes.format(1), "make -j2", 31, ALICE, _HOME, shell,
                   status=2 << 8 if killed else 0)  # fmt: skip
    for n in range(6):
        dies = killed and n == 4
        line = f"gcc -O2 -c src/part{n}.c -o part{n}.o"
        gcc = day.run(minutes.format(2 + 4 * n), line, 3.9, ALICE, _HOME, make,
                      status=1 << 8 if dies else 0)  # fmt: skip
        day.run(minutes.format(2.02 + 4 * n), f"cc1 -quiet -O2 src/part{n}.c", 3.2 + n / 10, ALICE,
                _HOME, gcc, status=9 if dies else 0, path="/usr/libexec/gcc/cc1")  # fmt: skip
        day.run(minutes.format(5.7 + 4 * n), f"as -o part{n}.o /tmp/cc{n}.s", 0.12, ALICE, _HOME,
                gcc)  # fmt: skip


def yesterday() -> Day:
    day = Day("2026-11-25")
    shell = day.run("09:10:00", "bash -l", 8 * 3_600, ALICE, _HOME, SSHD)
    day.run("09:11:30", "git pull --ff-only", 1.9, ALICE, _HOME, shell)
    build(day, "09:12", shell)
    day.run("12:00:00", "/srv/shop/bin/health", 0.2, WWW, _WEB, FPM, path="/srv/shop/bin/health")
    return day


def today() -> Day:
    day = Day("2026-11-26", pid=9_000)
    backup(day)
    shell = day.run("09:02:11", "bash -l", None, ALICE, _HOME, SSHD)
    day.run("09:03:00", "git pull --ff-only", 2.3, ALICE, _HOME, shell)
    build(day, "09:04", shell, killed=True)
    build(day, "09:20", shell)
    day.run("10:30:00", "/usr/bin/true mark: deployed 23", 0.001, ALICE, _HOME, shell)
    day.run("10:59:00", "execdb config set 33 web", 0.4, BY_SUDO, _HOME, shell)
    sudo = day.run("11:00:00", "sudo systemctl restart nginx", 1.4, SUDO, _HOME, shell)
    day.run("11:00:00.090", "systemctl restart nginx", 1.2, BY_SUDO, _HOME, sudo)
    inside = day.run("12:15:00", "sh -c ./entrypoint.sh", None, ROOT, _DOCKER, SYSTEMD)
    day.run("12:15:00.300", "curl -fsS http://config/app.json", 0.4, ROOT, _DOCKER, inside)
    odd = day.run("13:10:05", "sh -c /tmp/.x/kworker", 1_200, WWW, _WEB, FPM)
    day.run("13:10:05.010", "/tmp/.x/kworker --pool pool.example:4444", 1_199, WWW, _WEB, odd,
            status=15, path="/tmp/.x/kworker")  # fmt: skip
    day.run("13:12:40", "kworker", 900, WWW, _WEB, odd, path="/proc/self/fd/5",
            memfd="memfd:kworker")  # fmt: skip
    day.run("13:31:00", "mysqldump --password=hunter2 -u shop shop", 6.5, ALICE, _HOME, shell)
    for minute, code in (("13:35", 0), ("13:40", 1), ("13:45", 0), ("13:50", 1)):
        day.run(f"{minute}:00", "/srv/shop/bin/health", 0.3, WWW, _WEB, FPM, status=code << 8,
                path="/srv/shop/bin/health")  # fmt: skip
    return day


def tell(path: Path) -> None:
    """Writes the two days to a new database."""
    with open_database(path, create=True) as database:
        for (begin, end), day in zip(DAYS, (yesterday(), today()), strict=True):
            recording = Recording(database, MACHINE, "1", ns(begin))
            recording.know(_SEEN)
            execs = sorted(day.execs, key=lambda each: each.boot_ns)
            total = Counts(len(execs), len(execs), 0, 0)
            recording.write(execs, day.ends, total, Account(alive_ns=ns(end)))
            recording.finish(ns(end), total)
        _by_alice(database)


def _by_alice(database: Database) -> None:
    """The mark and the change of the config that she made on the second day."""
    add_mark(database, Mark(ns("2026-11-26T10:30:00+00:00"), 1000, "deployed 23"))
    who, changed_ns = Who(0, 1000, "pts0"), ns("2026-11-26T10:59:00+00:00")
    ConfigTable(database, who, lambda: changed_ns).set(33, "web")
