"""execdb's Python interface: what scripts and notebooks may rely on."""
