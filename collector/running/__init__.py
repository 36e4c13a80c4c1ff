"""The programs that are running when a collector starts, from /proc."""
