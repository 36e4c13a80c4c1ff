"""Whose arguments the kernel's program cuts, said when it begins. Pure."""

from collections.abc import Callable, Mapping

_LOOK_NS = 1_000_000_000  # how often the users are asked for, while there is something new
_SILENCE_NS = 10_000_000_000  # after a longer pause it is said again
_NAMED = 3


class Cuts:
    """Calls `warn` when execs of a user begin to have their arguments cut. `by_user` tells how many
    they are by now, for each user; `rate` is the budget in bytes a second."""

    def __init__(
        self, rate: int, by_user: Callable[[], Mapping[int, int]], warn: Callable[[str], None]
    ) -> None:
        self.total = 0
        self._rate, self._by_user, self._warn = rate, by_user, warn
        self._known: Mapping[int, int] = {}
        self._cut_ns: dict[int, int] = {}  # when a user's were last seen to be cut (boot time)
        self._looked: tuple[int, int] | None = None  # at which total, and when

    def look(self, total: int, now_ns: int) -> None:
        """So many there are over all users, at this moment of boot time."""
        self.total = total
        before, then_ns = self._looked or (0, now_ns - _LOOK_NS)
        if total == before or now_ns - then_ns < _LOOK_NS:
            return
        self._looked = total, now_ns
        found = self._by_user()
        more = [uid for uid, cut in found.items() if cut > self._known.get(uid, 0)]
        new = [uid for uid in more if now_ns - self._cut_ns.get(uid, -_SILENCE_NS) >= _SILENCE_NS]
        self._known = found
        self._cut_ns = {uid: ns for uid, ns in self._cut_ns.items() if uid in found}
        self._cut_ns |= dict.fromkeys(more, now_ns)
        if new:
            self._warn(self._sentence(sorted(new)))

    def _sentence(self, uids: list[int]) -> str:
        names = ", ".join(map(str, uids[:_NAMED]))
        if len(uids) > _NAMED:
            names += f" and {len(uids) - _NAMED} more"
        who = f"uid {names} starts" if len(uids) == 1 else f"uids {names} start"
        return (
            f"{who} programs with more than {self._rate / 10**6:g} MB/s of arguments: "
            "they are cut to 256 bytes (--argument-budget)"
        )
