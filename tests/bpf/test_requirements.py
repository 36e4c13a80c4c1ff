"""What this machine supports: the size of rings that suits it."""

import pytest

from execdb.bpf.requirements import default_ring_pages


@pytest.mark.parametrize(
    ("cpus", "most", "pages"),
    [
        (1, None, 512),
        (16, None, 512),
        (17, None, 256),
        (64, None, 128),
        (512, None, 128),
        (2, 64, 64),
    ],
)
def test_rings_are_smaller_where_there_are_many(cpus: int, most: int | None, pages: int) -> None:
    assert default_ring_pages(cpus, most or 1 << 16) == pages
