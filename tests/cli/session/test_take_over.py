"""When a collector that takes over gives up, and in which words."""

from execdb.cli.session.requests.take_over import why_late


def test_it_waits_while_there_is_time_and_memory() -> None:
    assert why_late(7, 9.9, 40_000_000) is None


def test_memory_that_is_full_is_no_missing_answer() -> None:
    assert why_late(7, 0.1, 40_000_001) == (
        "before the collector (pid 7) answered, more was started than fits into 40 MB"
    )


def test_no_answer_is_said() -> None:
    assert why_late(7, 10.1, 0) == "the collector (pid 7) did not answer within 10 s"
