"""Import: from lines of NDJSON to rows, each event once."""
