"""Keeping the file within its limits: age and size of what is stored, the WAL, free disk space."""
