"""What less memory, a busy disk and busy CPUs do to a recording."""
