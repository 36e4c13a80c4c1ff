"""Whether output is coloured."""

import os
from typing import TextIO


def wants_colour(stream: TextIO) -> bool:
    """On a terminal that is not dumb, unless NO_COLOR is set (https://no-color.org)."""
    return (
        stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )
