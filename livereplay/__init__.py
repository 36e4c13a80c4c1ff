"""History as harmless stubs: recorded execs become real ones, of a program that does nothing."""
