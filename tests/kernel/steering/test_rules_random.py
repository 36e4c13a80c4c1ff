"""Random rules and execs: the kernel's program decides as the pure function does."""

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from execdb.collector.rules.cgroups import cgroup_folder
from execdb.store.config.generation import next_generation
from execdb.store.config.rule import Action, Rule, decide, make_rule
from execdb.store.config.rule_table import insert_rule
from execdb.store.config.table import ConfigTable
from execdb.store.file.database import Database, open_database
from execdb.store.ledger.filters import filtered_by_rule
from execdb.store.terms.parse import Reader
from execdb.store.terms.users import uid_of
from tests.kernel.conftest import SHARED
from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process

SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.randrange(1 << 32)
SETS, EXECS = (7, 31) if SHARED else (29, 101)  # fewer in an emulated machine
FIRST = [(Action.IGNORE, ["comm=a*"])]  # leaves out some in any case
UIDS = (0, 4_311, 4_313)  # no other test runs programs as these
NAMES = ("a", "ab", "abc", "abcdefghijklmno", "b", "é", "a*")
READER = Reader(uid_of, int)


# Of a line (uid, file that its control group is entered by, program) makes a process. A small one
# does it: each fork of pytest would copy the page tables of all that it has loaded.
STARTER = """
import os, sys
for line in sys.stdin.buffer:
    uid, leaf, file = line.rstrip(b"\\n").split(b"\\t")
    pid = os.fork()
    if not pid:
        try:
            if leaf:
                open(leaf, "w").write("0")
            os.setresgid(int(uid), int(uid), int(uid))
            os.setresuid(int(uid), int(uid), int(uid))
            os.execv(file, [file])
        finally:
            os._exit(99)
    print(pid, os.waitpid(pid, 0)[1], flush=True)
"""


class Ground:
    """Programs with these names in two folders, and nested control groups to run them in."""

    def __init__(self, folder: Path, nothing: Path) -> None:
        folder.chmod(0o755)
        self._starter = Process(
            [sys.executable, "-I", "-S", "-c", STARTER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        self.files = []
        for place in (folder / "x", folder / "xy" / "z"):
            place.mkdir(parents=True)
            for name in NAMES:
                shutil.copy(nothing, place / name)
                self.files.append(str(place / name))
        self.folders = [str(folder / "x"), str(folder / "x") + "/", str(folder / "xy"), str(folder)]
        self.root = cgroup_folder()
        own = Path("/proc/self/cgroup").read_text().splitlines()
        self.cgroups = [line[3:] for line in own if line.startswith("0::")]
        if self.root is not None:
            base = f"/execdb-random-{os.getpid()}"
            self.cgroups += [base, f"{base}/a", f"{base}/ab", f"{base}/ab/c"]
            for path in self.cgroups[1:]:
                Path(os.fsdecode(self.root) + path).mkdir()

    def close(self) -> None:
        self._starter.communicate(timeout=PATIENCE_S)
        for path in reversed(self.cgroups[1:]):
            with suppress(OSError):
                Path(os.fsdecode(self.root or b"") + path).rmdir()

    def rule(self, chance: random.Random) -> tuple[Action, list[str]]:
        comms = [*NAMES, "abcdefghijklmno", "a", "", "q"]
        values = {
            "uid": lambda: str(chance.choice(UIDS)),
            "euid": lambda: str(chance.choice(UIDS)),
            "loginuid": lambda: chance.choice(("null", "0", "7")),
            "comm": lambda: text(chance, chance.choice(comms)),
            "filename": lambda: text(chance, chance.choice(self.files + self.folders)),
            "cgroup": lambda: text(chance, chance.choice(self.cgroups)),
        }
        fields = chance.sample(sorted(values), chance.choice((1, 1, 2, 2, 3)))
        terms = [
            f"{field}=" + ",".join(values[field]() for _ in range(chance.choice((1, 1, 3))))
            for field in fields
        ]
        return chance.choice(tuple(Action)), terms

    def start(self, chance: random.Random) -> tuple[int, dict[str, Any]]:
        """Runs a program; its pid, and the exec as an event."""
        uid, file = chance.choice(UIDS), chance.choice(self.files)
        cgroup = chance.choice(self.cgroups)
        leaf = (
            ""
            if cgroup == self.cgroups[0]
            else f"{os.fsdecode(self.root or b'')}{cgroup}/cgroup.procs"
        )
        assert self._starter.stdin
        assert self._starter.stdout
        print(uid, leaf, file, sep="\t", file=self._starter.stdin, flush=True)
        pid, status = map(int, self._starter.stdout.readline().split())
        assert status == 0
        login = int(Path("/proc/self/loginuid").read_text() or -1)
        return pid, {
            "uid": uid,
            "euid": uid,
            "loginuid": None if login == 0xFFFFFFFF else login,
            "comm": os.fsdecode(os.fsencode(Path(file).name)[:15]),
            "filename": file,
            "cgroup": cgroup,
        }


def text(chance: random.Random, value: str) -> str:
    """The text, or one that begins with a part of it, exact or with * at its end."""
    escaped = value.replace("*", "\\*")
    if chance.random() < 0.4 or not value:
        return escaped or "x"
    cut = chance.randrange(1, len(value) + 1)
    return value[:cut].replace("*", "\\*") + "*"


@pytest.fixture
def ground(programs: Path) -> Iterator[Ground]:
    folder = programs / f"ground-{os.getpid()}"  # where every user may run programs
    folder.mkdir()
    ground = Ground(folder, programs / "nothing")
    yield ground
    ground.close()


def put(database: Database, rules: list[tuple[Action, list[str]]]) -> list[Rule]:
    """Replaces all rules, and waits until the kernel has them."""
    with database.writing() as connection:
        connection.execute("DELETE FROM rule")
        made = [
            insert_rule(connection, make_rule(0, action, READER.terms(terms)))
            for action, terms in rules
        ]
        generation = next_generation(connection)
    table = ConfigTable(database)
    wait_for(lambda: table.read().in_kernel >= generation, "the kernel to have the rules")
    return made


@pytest.mark.thorough
def test_the_kernel_decides_as_the_function_does(recorder: Recorder, ground: Ground) -> None:
    chance, wanted, expected = random.Random(SEED), Counter[int](), {}
    with open_database(recorder.db) as database:
        before = filtered_by_rule(database)
        for number in range(SETS):
            size = chance.choice((1, 2, 7, 64))
            rules = put(database, [ground.rule(chance) for _ in range(size)] if number else FIRST)
            for _ in range(EXECS):
                pid, event = ground.start(chance)
                rule = decide(rules, event)
                recorded = rule is None or not rule.ignores
                expected[number, pid] = recorded, event, rule and str(rule)
                if not recorded:
                    assert rule is not None
                    wanted[rule.number] += 1
        put(database, [])
    recorder.stop()
    files = set(ground.files)
    found = Counter(event["pid"] for event in recorder.events() if event["filename"] in files)
    right = Counter(pid for (_, pid), (recorded, *_) in expected.items() if recorded)
    wrong = [each for (_, pid), each in expected.items() if found[pid] != right[pid]]
    assert wrong == [], f"FUZZ_SEED={SEED}"

    def all_are_counted() -> bool:
        """Others of the machine may be as well, and of these the last within a second."""
        with open_database(recorder.db) as database:
            counts = filtered_by_rule(database)
        return all(counts[rule] - before[rule] >= count for rule, count in wanted.items())

    wait_for(all_are_counted, f"the numbers of what was left out (FUZZ_SEED={SEED})")
    assert 0 < sum(wanted.values()) < SETS * EXECS
