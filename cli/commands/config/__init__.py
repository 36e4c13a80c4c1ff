"""Commands that manage what the kernel does with each exec."""
