"""A collector that takes over from one that runs."""
