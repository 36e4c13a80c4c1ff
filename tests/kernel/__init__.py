"""On the running kernel, as root: what execdb claims about the kernel is proved here."""
