"""Numbers that programs which write a file and programs which read it must agree on."""

APPLICATION_ID = 0x45584442  # "EXDB"

# A row of `pid_block` and its like stands for up to a thousand rows of `image`, where an index
# would have one for each.
BLOCK_BITS = 10  # a block is id >> 10
PID_BITS = 5  # `pid_block` has pid >> 5, `ppid_block` ppid >> 5
REFUSED = -2  # `failure_block` has it for an attempt that failed
LONG_BITS = (30, 36, 42)  # `long_block` counts those for which duration_ns >> bits is not 0

# Of the file's header (sqlite.org/fileformat.html): bytes 0 to 15; 18 and 19.
MAGIC = b"SQLite format 3\0"
WAL_MODE = b"\2\2"
