"""Alembic migrations; `store/file/database.py` runs them where a database is new or behind."""
