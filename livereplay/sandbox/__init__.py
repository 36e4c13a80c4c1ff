"""Where a tape runs: namespaces, a root in memory, and no more rights than it needs."""
