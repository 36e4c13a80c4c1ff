"""Alembic migrations, which `store/file/upgrade.py` runs."""
