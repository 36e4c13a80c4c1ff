"""Sums over events, as they are shown to people and programs."""
