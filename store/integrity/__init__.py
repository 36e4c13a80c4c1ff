"""Checks that the file is still the one that was opened, and holds what SQLite wrote."""
