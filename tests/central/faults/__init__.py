"""What goes wrong between a host and its central store."""
