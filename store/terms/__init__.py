"""How people write what they ask for: times, ages, users. Pure functions from text to numbers."""
