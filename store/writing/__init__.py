"""Recording: one run of a collector, one transaction per batch."""
