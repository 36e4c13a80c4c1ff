"""What commands ask of a store: a file, or a central store."""
