"""The stub, and the system calls that it makes: pure, except that the writing is a parameter."""
