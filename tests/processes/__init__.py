"""Processes under test: what they cost, and what is made to happen to them."""
