"""The recorded build of GNU hello that tests and benchmarks play with: 2,879 events as NDJSON."""

import lzma
from pathlib import Path

SHA256 = "54647c56dd0b5d58ea17effef24649de8837d8cf128d50a1110b34fe2cf66e02"  # of the lines
_FILE = Path(__file__).parent / "data" / "gnu-hello-build.ndjson.xz"


def hello_build() -> str:
    """The lines as `execdb import` takes them. Raises FileNotFoundError: nothing replaces them."""
    return lzma.decompress(_FILE.read_bytes()).decode()
