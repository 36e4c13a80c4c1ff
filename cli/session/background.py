"""What is done in the background while this process imports: the programs are compiled and loaded,
and a new database is created."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from execdb.bpf.errors import Interrupted, KernelError
from execdb.bpf.requirements import require
from execdb.cli.output.streams import say
from execdb.cli.session.options import RecordOptions
from execdb.collector.own_process.footprint import stay_small
from execdb.collector.running import namespaces
from execdb.store.errors import RecordingError
from execdb.store.file.create import prepare

if TYPE_CHECKING:
    from execdb.collector.kernel_source import KernelSource


class Background(NamedTuple):
    """Results to come."""

    source: "Future[KernelSource]"
    database: Future[None]


def start_background(options: RecordOptions, interrupt: int) -> Background:
    """Begins both. Loading is given up as soon as the descriptor `interrupt` has something to read.
    Raises RecordingError, before anything is made, if recording cannot work here."""
    stay_small()
    _require_recording()
    pool, compiling = ThreadPoolExecutor(2), Event()
    source = pool.submit(_load, options, interrupt, compiling)
    compiling.wait()  # it takes the longest: nothing else shares this interpreter with it before
    database = pool.submit(prepare, options.path, create=True)
    pool.shutdown(wait=False)
    return Background(source, database)


def _require_recording() -> None:
    namespaces.require()
    try:
        require()
    except KernelError as error:
        raise RecordingError(str(error)) from error


def _load(options: RecordOptions, interrupt: int, compiling: Event) -> "KernelSource":
    try:
        from execdb.collector.kernel_source import KernelSource

        return KernelSource(
            options.ring_pages,
            attempts=options.attempts,
            btf=options.btf,
            interrupt=interrupt,
            compiling=compiling.set,
        )
    except Interrupted:
        say("stopped before recording began")
        raise KeyboardInterrupt from None
    except KernelError as error:
        raise RecordingError(str(error)) from error
    finally:
        compiling.set()
