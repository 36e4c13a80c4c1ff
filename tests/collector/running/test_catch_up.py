"""Getting to know what runs already: in which order, and that no trouble ends a recording."""

from collections.abc import Iterator, Sequence

from execdb.collector.running.catch_up import CatchUp
from execdb.store.errors import DatabaseBusy, DatabaseError
from execdb.store.event import Exec, ImageKey
from tests.conftest import an_exec


def key(image: Exec) -> ImageKey:
    return image.boot_ns, image.pid


class Desk:
    """What runs, source and sink in one; `log` is what they were asked, in order. Each of `looks`
    is a list of slices."""

    def __init__(self, *looks: Sequence[Sequence[Exec]], lack: str | None = None) -> None:
        self.looks, self.lack = list(looks), lack
        self.log: list[tuple[str, object]] = []
        self.warnings: list[str] = []
        self.room = True
        self.keys: dict[ImageKey, ImageKey] = {}  # by which some are known
        self.refusals: list[DatabaseError] = []
        self.unfollowed: OSError | None = None
        self.known_better: set[ImageKey] = set()
        self.now_ns = 0
        self.meeting = CatchUp(
            self, self, self, lambda: self.room, self.clock, self.warnings.append
        )

    def clock(self) -> int:
        self.now_ns += 30_000_000
        return self.now_ns

    def look(self) -> Iterator[Sequence[Exec]]:
        yield from self.looks.pop(0) if self.looks else ()

    def forget(self) -> None:
        self.looks.clear()

    def follow(self, image: ImageKey) -> None:
        if self.unfollowed:
            raise self.unfollowed
        self.log.append(("follow", image))

    def adopt(self, image: ImageKey) -> bool:
        self.log.append(("adopt", image))
        return image not in self.known_better

    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.log.append(("know", [image.pid for image in images]))
        return [self.keys.get(key(image), key(image)) for image in images]

    def step(self) -> None:
        self.log.append(("step", None))

    def after(self, stopped: bool = False) -> None:
        self.meeting.after(self.step, lambda: stopped)


ONE, TWO, THREE = (an_exec(n) for n in (2, 3, 5))


def test_before_attaching_they_are_looked_for_twice_and_followed_by_the_keys_of_their_rows() -> (
    None
):
    desk = Desk([[ONE], [TWO]], [[], [THREE]], [[an_exec(7)]])
    desk.keys = {key(TWO): (23, TWO.pid)}
    desk.meeting.before()
    assert desk.log == [
        ("know", [ONE.pid]),
        ("follow", key(ONE)),
        ("know", [TWO.pid]),
        ("follow", (23, TWO.pid)),
        ("know", [THREE.pid]),
        ("follow", key(THREE)),
    ]


def test_afterwards_the_rings_are_emptied_between_slices_and_the_kernel_knows_better() -> None:
    desk = Desk([[], [ONE, TWO], [THREE]])
    desk.known_better = {key(TWO), key(THREE)}
    desk.after()
    assert desk.log == [
        ("step", None),
        ("adopt", key(ONE)),
        ("adopt", key(TWO)),
        ("know", [ONE.pid]),
        ("adopt", key(ONE)),
        ("step", None),
        ("adopt", key(THREE)),
        ("step", None),
    ]


def test_between_it_is_the_same_without_rings() -> None:
    desk = Desk([[], [ONE, TWO]])
    desk.known_better = {key(TWO)}
    desk.keys = {key(ONE): (23, ONE.pid)}
    desk.meeting.between()
    assert desk.log == [
        ("adopt", key(ONE)),
        ("adopt", key(TWO)),
        ("know", [ONE.pid]),
        ("adopt", (23, ONE.pid)),
    ]


def test_while_another_program_holds_the_lock_it_is_tried_again() -> None:
    desk = Desk([[ONE]])
    desk.refusals = [DatabaseBusy("locked")] * 23
    desk.meeting.before()
    assert desk.log == [("know", [ONE.pid]), ("follow", key(ONE))]
    assert desk.warnings == []


def test_what_cannot_be_stored_is_said_once_and_nobodys_parent() -> None:
    desk = Desk([[ONE], [TWO], [THREE]])
    desk.refusals = [DatabaseError("too large")] * 2
    desk.meeting.before()
    assert desk.log == [("know", [THREE.pid]), ("follow", key(THREE))]
    (warning,) = desk.warnings
    assert warning.endswith("could not be stored and are missing as parents: too large")


def test_recording_begins_after_a_while_whatever_there_is_to_look_at() -> None:
    """What it did not come to is looked at once more, while the rings are emptied."""
    desk = Desk([[ONE]] * 1_009, [[THREE]])
    desk.meeting.before()
    assert 2.9e9 < desk.now_ns < 3.2e9
    assert desk.warnings == []
    desk.log.clear()
    desk.after()
    assert desk.log == [
        ("adopt", key(THREE)),
        ("know", [THREE.pid]),
        ("adopt", key(THREE)),
        ("step", None),
    ]


def test_a_lock_that_is_held_for_long_does_not_hold_up_recording() -> None:
    desk = Desk([[ONE], [TWO]], [[]], [[THREE]])
    desk.refusals = [DatabaseBusy("locked")] * 1_009
    desk.meeting.before()
    assert desk.now_ns < 3.2e9
    desk.after()
    assert len(desk.warnings) == 1


def test_whoever_asks_to_stop_does_not_wait_for_the_rest() -> None:
    desk = Desk([[ONE], [TWO]])
    desk.after(stopped=True)
    assert desk.log[-1] == ("step", None)
    assert len(desk.looks) == 0
    assert ("adopt", key(TWO)) not in desk.log


def test_without_room_they_are_not_stored() -> None:
    desk = Desk([[ONE]], [[TWO]])
    desk.room = False
    desk.meeting.before()
    assert desk.log == []
    assert len(desk.warnings) == 1


def test_a_full_map_is_said_once() -> None:
    desk = Desk([[ONE, TWO]])
    desk.unfollowed = OSError(7, "Argument list too long")
    desk.meeting.before()
    assert desk.warnings == [
        "the kernel cannot follow all programs that run already: Argument list too long"
    ]


def test_why_not_all_can_be_told_is_said() -> None:
    desk = Desk(lack="something hides them")
    desk.meeting.before()
    assert desk.warnings == ["something hides them"]
