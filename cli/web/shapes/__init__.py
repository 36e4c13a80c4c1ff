"""What the page draws, as plain data: the time line, bars over time, flags, values."""
