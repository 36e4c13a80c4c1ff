"""What parts of the kernel's programs, and keys of an event, cost."""
