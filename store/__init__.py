"""The database: written by a recording or an import, asked by everything else.

One room for each job. SQLAlchemy and Alembic are used only here and in migrations.
"""
