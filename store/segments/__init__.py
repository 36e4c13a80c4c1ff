"""How rows are stored: segments, blocks, and the dictionary of recurring values."""
