"""Copies of a database that were made before upgrades."""
