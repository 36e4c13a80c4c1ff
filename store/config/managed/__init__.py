"""A config that comes from a central store."""
