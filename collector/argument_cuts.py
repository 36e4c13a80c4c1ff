"""Warns of users whose arguments the kernel's program has begun to cut. Pure."""

from collections.abc import Callable, Mapping

_LOOK_NS = 1_000_000_000  # how often `by_user` is called, if the total has grown
_SILENCE_NS = 10_000_000_000  # after a longer pause there is another warning
_NAMED = 3  # users that a warning names


class ArgumentCuts:
    """Calls `warn` when the arguments of a user's execs begin to be cut. `by_user` returns how many
    such execs each user has had so far."""

    def __init__(
        self, by_user: Callable[[], Mapping[int, int]], warn: Callable[[str], None]
    ) -> None:
        self.total = 0
        self._by_user, self._warn = by_user, warn
        self._known: Mapping[int, int] = {}
        self._cut_ns: dict[int, int] = {}  # boot time of each user's last cut
        self._looked: tuple[int, int] | None = None  # total and boot time of the last look

    def look(self, total: int, now_ns: int) -> None:
        """`total` is the number over all users, `now_ns` the boot time."""
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
            f"{who} programs with more arguments than the limit: they are cut to 256 bytes "
            "(execdb config limit)"
        )
