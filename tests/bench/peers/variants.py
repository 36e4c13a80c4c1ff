"""execdb with other options, and with rules."""

import subprocess

from execdb.store.config.rule import RULES_MAX
from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB, Execdb


class ExecdbRules(Execdb):
    """With as many rules as there may be, each of two fields, of which the second is another."""

    name = f"execdb, {RULES_MAX} rules"

    def start(self) -> None:
        rules = [
            f'[[rules]]\naction = "ignore"\nterms = ["uid=0", "comm=another-{number}"]\n'
            for number in range(RULES_MAX)
        ]
        apply: proc.Command = [EXECDB, "--db", self.db, "config", "apply", "-"]
        subprocess.run(
            apply, input="".join(rules), text=True, check=True, stdout=subprocess.DEVNULL
        )
        super().start()


class ExecdbAttempts(Execdb):
    name = "execdb --attempts"
    options = ("--attempts",)
