"""What was recorded, lost and trimmed, and when no collector was running."""
