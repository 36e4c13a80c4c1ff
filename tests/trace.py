"""The recorded build of GNU hello that tests and benchmarks play with: 2,879 events as NDJSON."""

import lzma
from pathlib import Path

_FILE = Path(__file__).parent / "data" / "gnu-hello-build.ndjson.xz"


def hello_build() -> str:
    """The lines as `execdb import` takes them."""
    return lzma.decompress(_FILE.read_bytes()).decode()
