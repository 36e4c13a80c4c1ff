"""Following what comes to a central store."""
