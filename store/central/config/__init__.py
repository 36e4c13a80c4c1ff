"""The config of hosts in the central store: for all, for a group, for one host."""
