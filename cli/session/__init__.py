"""One recording session: kernel, database and terminal wired together."""
