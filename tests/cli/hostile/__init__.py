"""Databases that hold what no collector wrote: each command answers or gives one line."""
