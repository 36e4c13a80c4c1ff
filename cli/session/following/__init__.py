"""Showing what comes to a file, or to a central store."""
