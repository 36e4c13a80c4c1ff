"""What the file is made of, and whether a file is ours."""
