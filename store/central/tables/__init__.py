"""The schema of the central store: tables, views, functions, rights, and making them."""
