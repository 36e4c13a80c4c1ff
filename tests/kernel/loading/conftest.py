"""Loading with an interpreter of the test's choice."""

from collections.abc import Callable

import pytest

from execdb.bpf.loading import interpreters


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Only this interpreter is tried."""
    return lambda path: monkeypatch.setattr(interpreters, "interpreters", lambda: [path])
