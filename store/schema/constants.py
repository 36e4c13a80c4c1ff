"""Numbers that programs which write a file and programs which read it must agree on."""

APPLICATION_ID = 0x45584442  # "EXDB"

# A row of `pid_block` and its like stands for up to a thousand rows of `image`, where an index
# would have one for each.
BLOCK_BITS = 10  # a block is id >> 10
PID_BITS = 5  # `pid_block` has pid >> 5, `ppid_block` ppid >> 5
REFUSED = -2  # `failure_block` has it for an attempt that failed
NOT_WELL = 0xFF7F  # bits of a status: the exit code and the signal (wait(2))
# Whatever is in a block, its row of `peak_block` need not tell of values below these: a second or
# so, and 256 MiB.
PEAKS_FROM = {"duration_ns": 1 << 30, "cpu_ns": 1 << 30, "max_rss_kb": 1 << 18}

# Of the file's header (sqlite.org/fileformat.html): bytes 0 to 15; 18 and 19.
MAGIC = b"SQLite format 3\0"
WAL_MODE = b"\2\2"
