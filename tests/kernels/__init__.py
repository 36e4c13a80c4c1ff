"""Boots other kernels than the running one under QEMU: `make test-kernels`."""
