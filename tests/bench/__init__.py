"""Benchmarks: `python -m tests.bench` (execdb against its limits), `... peers` (against others)."""
