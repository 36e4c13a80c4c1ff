"""The config table, which is mirrored into the kernel, and what an entry may be."""
