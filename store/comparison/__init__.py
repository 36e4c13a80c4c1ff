"""Compares two histories as trees: what each program started, and how it ended."""
