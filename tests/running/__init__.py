"""Which tests run, which once more, and that none waits without limit or leaves something."""
