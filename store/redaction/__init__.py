"""What looks like a secret in arguments, replaced by `[redacted]`: pure functions on text."""
