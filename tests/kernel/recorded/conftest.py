"""Most of these tests only look at events: they share a recorder."""

from collections.abc import Callable

import pytest

from tests.kernel.recorder import Recorder


@pytest.fixture
def recorder(shared: Callable[..., Recorder]) -> Recorder:
    """Shared; a test that needs its own recorder starts it with `record`."""
    return shared()
