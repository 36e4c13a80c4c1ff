"""The central store, on a PostgreSQL server that the tests start."""
