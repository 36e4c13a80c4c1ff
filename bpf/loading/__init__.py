"""From C to loaded programs: a short-lived child compiles them and hands over descriptors."""
