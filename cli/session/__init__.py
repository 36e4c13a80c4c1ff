"""One recording: kernel, database and terminal wired together, from start to end."""
