"""Commands that write a file for other tools."""
