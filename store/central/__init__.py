"""The central store: many hosts in one PostgreSQL. Its schema, shipping to it, and asking it."""
