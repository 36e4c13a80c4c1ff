"""Which tests run, and which once more."""
