"""Commands that record, and that tell how recording goes."""
