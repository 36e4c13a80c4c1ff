"""Shipping a file to the central store."""
