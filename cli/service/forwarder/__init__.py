"""The second unit: `execdb ship` as a service."""
