"""What the collector does to its own process: small, unprivileged, and safe from others."""
