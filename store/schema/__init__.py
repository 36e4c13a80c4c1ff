"""The tables and views of the file, and the check that a file has exactly these."""
