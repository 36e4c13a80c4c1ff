"""Commands for a recorder that runs for good: as a service of systemd."""
