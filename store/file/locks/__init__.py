"""Locks by which collectors know of each other: who records, and who asks to take over."""
