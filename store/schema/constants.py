"""Numbers that whoever writes a file and whoever reads it must agree on."""

APPLICATION_ID = 0x45584442  # "EXDB"

# Where to look for a pid, and for the children of a row: the blocks of ids that hold some of
# them. A row of `pid_block` or `child_block` serves a thousand of `image`, where an index has one
# for each.
BLOCK_BITS = 10  # a block is id >> 10
PID_BITS = 5
PARENT_BITS = 6

# In which blocks rows refer again to an entry of the dictionary that an earlier one has used.
CHUNK_BITS = 5  # a chunk is block >> 5

# Of the file's header (sqlite.org/fileformat.html): bytes 0 to 15; 18 and 19.
MAGIC = b"SQLite format 3\0"
WAL_MODE = b"\2\2"
