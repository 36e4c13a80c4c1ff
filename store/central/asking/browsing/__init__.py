"""What the page asks of a central store."""
