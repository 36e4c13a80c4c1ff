"""Lines that query never wrote: refused with a sentence, or events that can be stored."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from execdb.store.errors import BadEvent
from execdb.store.event import raw_of
from execdb.store.fields import to_dict
from execdb.store.importing.imported import Imported, imported_of
from execdb.store.importing.ndjson import Parser, load
from execdb.store.json_text import json_of
from tests.conftest import an_event
from tests.fuzz.mutate import Mutator, as_often, seed_of_this_run

COUNT = as_often(30_011)
_INT63 = 1 << 63

VALID = [
    to_dict(an_event(1)),
    to_dict(an_event(2, argv=("sh", "-c", 'echo "\udcff\u202e"'), tty="pts/3", loginuid=501)),
    to_dict(an_event(3, ended="exit", exit_code=3, duration_ns=10**9, parent_id=2)),
    to_dict(an_event(4, ended="signal", signal=9, argc=97, truncated=True)),
    to_dict(an_event(5, errno="ENOENT", caller="sh", cwd="/", cgroup="/user.slice")),
    {key: value for key, value in to_dict(an_event(6)).items() if value is not None},
]
STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 23, 255, 256, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 10**400,
    0.0, 1.5, -0.0, 1e300, float("nan"), float("inf"), "", "x", "0", "\0", "a\0b", "\ud800",
    "\udcff", "\udc41", "\u202e", "é" * 97, "x" * 1_009, "exit", "signal", "exec", [], [[]], ["x"],
    [1], ["x", None], ["\0"], {}, {"a": 1}, [[[[[[[]]]]]]],
]  # fmt: skip


def structured(chance: random.Random, count: int) -> Iterator[str]:
    """Events with keys missing, added, and of values that are not theirs."""
    keys = list(VALID[0])
    for _ in range(count):
        values = dict(VALID[int(chance.random() * len(VALID))])
        for _ in range(1 + int(chance.random() * 3)):
            key = keys[int(chance.random() * len(keys))]
            kind = chance.random()
            if kind < 0.8:
                values[key] = STRANGE[int(chance.random() * len(STRANGE))]
            elif kind < 0.95:
                values.pop(key, None)
            else:
                values[key[::-1] * int(chance.random() * 101)] = 1
        yield json.dumps(values)


def lines(chance: random.Random) -> Iterator[str]:
    yield from structured(chance, COUNT // 2)
    valid = [json_of(values).encode() for values in VALID]
    for raw in Mutator(chance, valid).inputs(COUNT - COUNT // 2):
        yield raw.decode("utf-8", "replace")


def check(item: Imported) -> None:
    """That SQLite can hold it."""
    creds, place = item.origin
    errno, caller, status = item.outcome
    numbers = [item.time_ns, item.boot_ns, item.pid, item.ppid, *creds[:5]]
    numbers += [item.command.argc, status, item.duration_ns, item.id, item.parent_id]
    for number in numbers:
        assert number is None or (type(number) is int and -1 <= number < _INT63), number
    others = [*creds[5:], *place]
    for number in (each for each in others if isinstance(each, int)):
        assert 0 <= number < _INT63, number
    texts = [*item.boot, *item.command[:2], *item.command.argv, errno, caller]
    for text in [*texts, *(each for each in others if not isinstance(each, int))]:
        assert text is None or b"\0" not in raw_of(text), text
    assert type(item.command.truncated) is bool


def plainly(line: str) -> Imported:
    """What a parser says that has never seen a line, nor knows how execdb writes one."""
    return imported_of(load(line))


def test_no_line_is_too_strange() -> None:
    seed = seed_of_this_run()
    parser = Parser()
    refused = 0
    for line in lines(random.Random(seed)):
        try:
            item = parser.parse(line)
            check(item)
            assert item == plainly(line)  # what is remembered of other lines changes nothing
        except BadEvent as error:
            refused += 1
            with pytest.raises(BadEvent):
                plainly(line)
            if len(str(error)) > 500 or "\n" in str(error):
                raise AssertionError(f"FUZZ_SEED={seed}: {line!r}: {error}") from error
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={seed}: {line!r}") from error
    assert COUNT * 0.5 < refused < COUNT * 0.99  # both are well tried


@pytest.mark.parametrize(
    "line", ["[" * 1_000_003, '{"argv": ' * 100_003, '{"argv": ' + "[" * 100_003]
)
def test_what_is_nested_deeply_is_refused(line: str) -> None:
    with pytest.raises(BadEvent, match="not an event: nested too deeply"):
        Parser().parse(line)
