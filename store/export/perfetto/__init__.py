"""Events as a trace for the viewer at ui.perfetto.dev."""
