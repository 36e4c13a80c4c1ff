"""What was recorded, lost, trimmed, and when no collector was running."""
