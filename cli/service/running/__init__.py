"""A service that runs: what it tells systemd, and how another process replaces it."""
