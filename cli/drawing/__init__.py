"""Trees and timelines, drawn as text."""
