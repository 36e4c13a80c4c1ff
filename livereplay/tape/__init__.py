"""The stub, and the system calls that it makes: pure, but for the writing that is given."""
