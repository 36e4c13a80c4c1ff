"""Shows execs as they are recorded. A slow or stopped terminal never delays the recording."""

from collections.abc import Callable, Iterator, Sequence

from execdb.cli.output.outlet import Outlet
from execdb.cli.show.formats import Renderer
from execdb.store.event import Exec
from execdb.store.fields import at_exec
from execdb.store.writing.recording import Machine

_QUEUE_MAX = 4_000_000  # characters of execs that are queued
_EACH = 300  # characters of an event besides its command
_CLOSE_S = 2.0  # how long `close` may write


class LiveView:
    """`show` queues a batch and returns at once. `warn` is called if execs cannot be shown, which
    never ends a recording; when the reader has gone, showing ends."""

    def __init__(
        self,
        renderer: Renderer,
        machine: Machine,
        run_id: int,
        stdout: tuple[int, str],  # descriptor, encoding
        warn: Callable[[str], None],
    ) -> None:
        self._render, self._machine, self._run_id = renderer, machine, run_id
        fd, encoding = stdout

        def missed(count: int) -> str:
            warn(f"{count} execs were recorded but not shown: stdout did not take them")
            return ""

        def full(why: str) -> None:
            warn(f"stdout takes nothing ({why}): execs are recorded, but not shown")

        def lost() -> None:
            self._has_reader = False
            warn("nobody reads stdout any more: execs are recorded, but not shown")

        self._has_reader = True
        self._outlet = Outlet(fd, _QUEUE_MAX, missed, full, lost, encoding)

    def start(self) -> None:
        """To be called once the process has dropped its privileges: the thread that writes keeps
        those that it begins with. Until then batches are queued."""
        self._outlet.start()

    def show(self, ids: Sequence[int], execs: Sequence[Exec]) -> None:
        chars = sum(_EACH + sum(map(len, e.command.argv)) for e in execs)
        self._outlet.put(self._texts(ids, execs), len(execs), chars)

    def close(self) -> int:
        """Shows what is queued if that is quick; returns how many execs were not shown, 0 if the
        reader has gone."""
        return self._outlet.close(_CLOSE_S) * self._has_reader

    def _texts(self, ids: Sequence[int], execs: Sequence[Exec]) -> Iterator[str]:
        """Rendered in the thread that writes them."""
        run_id, boot_id, host = self._run_id, self._machine.boot_id, self._machine.host
        return self._render(
            at_exec(e, number, run_id, boot_id, host) for number, e in zip(ids, execs, strict=True)
        )
