"""Merging: a whole file of another collector into this one."""
