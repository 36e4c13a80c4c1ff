"""From the bytes in the rings to events. Pure, except for the mounts."""
