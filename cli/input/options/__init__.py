"""The options of commands: those that several share, and those of commands that have many."""
