"""Migrations of the central store, with a version table of their own (Alembic)."""
