"""Tests mirror the folders; those that need the kernel are in tests/kernel."""
