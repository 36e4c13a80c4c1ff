"""Processes under test: how they are ended, what they cost, what is made to happen to them."""
