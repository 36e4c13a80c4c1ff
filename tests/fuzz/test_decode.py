"""Records that no program of ours writes: counted as unreadable, or events that can be stored."""

import random

from execdb.bpf import wire
from execdb.collector.decoding.decoder import Decoder
from execdb.store.event import Exec, raw_of
from tests.collector.records import end, record, ring
from tests.fuzz.mutate import Mutator, as_often, seed_of_this_run

COUNT = as_often(50_021)
_INT63 = 1 << 63


def valid() -> list[bytes]:
    where = b"ada\0home\0\0user.slice\0"
    return [
        record(b"true", padding=bytes(4), cpu_ns=11, max_rss_kb=3),
        record(b"sh", b"-c", b"echo \xff\xfe", boot_ns=10**15, tty=b"pts3", where=where),
        record(*(b"x" * n for n in range(23)), parent_boot_ns=7, parent_pid=11, flags=1),
        record(b"a" * 997, truncated=1, argc=1009, loginuid=501, sessionid=3),
        record(b"no", kind=wire.KIND_ATTEMPT, error=2, caller=b"bash", filename=b""),
        record(b"cut", args=b"cut\0of", argc=3, where=b"\0\0"),
        record(b"file", where=b"\0a\0", exe=b"x\0bin\0", exe_inode=7, exe_flags=3, user_ns=5),
        record(b"memfd", exe=b"memfd:x\0", exe_inode=1 << 63, exe_flags=5, replaced_cpu_ns=9),
        end((5, 7), boot_ns=10**12, status=9, padding=bytes(4), cpu_ns=11, max_rss_kb=3),
        end((1 << 62, 1), boot_ns=1 << 62, status=256),
    ]


def check(event: Exec) -> None:
    """That SQLite can hold it and that it can be imported again."""
    assert 0 <= event.time_ns < _INT63
    assert 0 <= event.boot_ns < _INT63
    assert event.parent is None or 0 < event.parent[0] < _INT63
    command, creds, place = event.command, event.creds, event.place
    texts = [*command.argv, command.filename, command.comm, creds.message, creds.tty]
    texts += [place.cwd, place.cgroup, place.container, event.errno, event.caller, command.exe]
    numbers = [event.ns_pid, event.replaced_cpu_ns, event.replaced_rss_kb, command.exe_inode]
    numbers += [place.pid_ns, place.mnt_ns, place.user_ns]
    assert all(number is None or 0 <= number < _INT63 for number in numbers), numbers
    for text in texts:
        assert text is None or b"\0" not in raw_of(text), text
    assert len(command.argv) <= command.argc or command.truncated


def test_no_record_is_too_strange() -> None:
    seed = seed_of_this_run()
    decoder = Decoder()
    unreadable = 0
    for raw in Mutator(random.Random(seed), valid()).inputs(COUNT):
        try:
            found = decoder.decode(ring([raw]), 10**18)
            assert len(found.execs) + len(found.ends) + found.unreadable == 1
            for event in found.execs:
                check(event)
            for boot_ns, image, status, cpu_ns, rss_kb in found.ends:
                assert max(boot_ns, image[0], status, cpu_ns or 0, rss_kb or 0) < _INT63
                assert min(cpu_ns or 0, rss_kb or 0) >= 0
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={seed}: {raw!r}") from error
        unreadable += found.unreadable
    assert COUNT * 0.1 < unreadable < COUNT * 0.9  # both are well tried
