"""Events in files for other tools: as a flat table, as stacks, and how to write a file whole."""
