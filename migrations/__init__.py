"""Alembic migrations; `store/database.py` runs them where a database is new or behind."""
