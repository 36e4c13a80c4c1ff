"""What users type: options, times, sizes, user names."""
