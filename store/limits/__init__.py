"""Keeping the file within its limits: retention, unused entries, the WAL, free disk space."""
