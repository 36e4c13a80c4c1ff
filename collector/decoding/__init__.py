"""From the bytes in the rings to events. Pure, but for the mounts."""
