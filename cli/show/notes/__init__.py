"""What was left out, cut or removed on purpose, in sentences."""
