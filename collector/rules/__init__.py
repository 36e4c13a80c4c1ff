"""Rules and limits in the kernel: what the maps hold, and what has been left out."""
