"""Other kernels than the one at hand, booted under QEMU: `make test-kernels`."""
