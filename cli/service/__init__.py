"""execdb as a service: what it tells systemd, and the files that it installs."""
