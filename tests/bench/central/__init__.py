"""Many hosts and one central store."""
