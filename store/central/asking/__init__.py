"""Asking a central store."""
