"""Tables: which columns, how wide, and lines that never wrap."""
