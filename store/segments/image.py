"""The columns of `image` by their place, for whoever handles whole rows as tuples."""

COLUMNS = (
    "id", "time_ns", "pid", "ppid", "uid", "origin_id", "program_id", "command_id", "parent_id",
    "status", "duration_ns", "errno", "caller", "ns_pid", "cpu_ns", "max_rss_kb",
)  # fmt: skip
(
    ID,
    TIME_NS,
    PID,
    _,
    _,
    ORIGIN_ID,
    PROGRAM_ID,
    COMMAND_ID,
    PARENT_ID,
    STATUS,
    DURATION_NS,
    ERRNO,
    _,
    _,
    _,
    _,
) = range(len(COLUMNS))
