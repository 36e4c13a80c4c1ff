"""One file for each revision of the central store."""
