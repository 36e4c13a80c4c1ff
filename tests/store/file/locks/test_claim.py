"""Two collectors agree who records: each opens the lock file for itself, as two processes do."""

from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import RecordingError
from execdb.store.file.locks.claim import Claim
from execdb.store.file.locks.collector_lock import CollectorLock


def test_it_ends_only_if_someone_waits(db: Path) -> None:
    with closing(CollectorLock(db)) as lock:
        assert not lock.hand_over()
        with closing(Claim(db)):
            pass
        assert not lock.hand_over()
        with closing(Claim(db)) as claim:
            assert lock.hand_over()
            assert not claim.withdraw()


def test_who_has_given_up_is_no_reason_to_end(db: Path) -> None:
    with closing(CollectorLock(db)) as lock:
        with closing(Claim(db)) as claim:
            assert claim.withdraw()
            assert not lock.hand_over()
        assert not lock.hand_over()


def test_one_at_a_time_waits(db: Path) -> None:
    with closing(CollectorLock(db)), closing(Claim(db)), pytest.raises(RecordingError) as refused:
        Claim(db)
    assert "about to take over" in str(refused.value)
