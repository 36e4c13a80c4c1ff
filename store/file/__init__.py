"""The database file: created, opened, locked, upgraded; transactions; errors of SQLite."""
