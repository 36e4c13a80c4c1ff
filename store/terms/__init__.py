"""How people write what they ask for: terms, times, users. Pure functions from text to values."""
