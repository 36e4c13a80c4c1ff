"""Commands that fill, copy, shrink or upgrade the database."""
