"""The wire contract of execdb.h in Python: names, sizes and order of a record's fields."""

import struct
import sys

# A record in a ring (perf_event_open(2), "MMAP layout"): type, misc, size of the whole record; and,
# in a sample, the size of the data that follows.
RING_HEAD = struct.Struct("=IHHI")
SAMPLE = 9  # PERF_RECORD_SAMPLE

SPARE_BYTES = 2 << 20  # of the spare ring, a power of two

MESSAGE_LEN = 12
KIND_EXEC, KIND_END, KIND_ATTEMPT = 1, 2, 3
FLAG_REPLACES = 1
EXE_DELETED, EXE_BOUND, EXE_NAMELESS = 1, 2, 4  # flags of the file that runs
UNSET = 0xFFFFFFFF  # a login uid or session id that audit has not set

_FIELDS = (
    ("boot_ns", "Q"),
    ("parent_boot_ns", "Q"),
    ("parent_pid", "I"),
    ("kind", "I"),
    ("pid", "I"),
    ("ppid", "I"),
    ("flags", "I"),
    ("error", "I"),
    ("where_len", "I"),
    ("ns_pid", "I"),
    ("replaced_cpu_ns", "Q"),
    ("max_rss_kb", "I"),
    ("caller", "16s"),
    ("uid", "I"),
    ("euid", "I"),
    ("gid", "I"),
    ("loginuid", "I"),
    ("sessionid", "I"),
    ("tty", "16s"),
    ("message", "12s"),
    ("config_generation", "I"),
    ("pid_ns", "I"),
    ("mnt_ns", "I"),
    ("user_ns", "I"),
    ("cwd_deleted", "I"),
    ("exe_inode", "Q"),
    ("exe_device", "I"),
    ("exe_flags", "I"),
    ("exe_len", "I"),
    ("unused", "I"),
    ("argc", "I"),
    ("truncated", "I"),
    ("filename_len", "I"),
    ("args_len", "I"),
    ("comm", "16s"),
)


def _layout() -> dict[str, tuple[int, int]]:
    offset, layout = 0, {}
    for name, code in _FIELDS:
        size = struct.calcsize("=" + code)
        layout[name] = (offset, size)
        offset += size
    return layout


# The byte with the type of a ring's record, and the byte with the kind of a sample.
TYPE_AT = 0 if sys.byteorder == "little" else 3
KIND_AT = struct.calcsize("=QQI") + TYPE_AT

LAYOUT = _layout()  # name -> (offset, size), both in bytes
EXEC = struct.Struct("=" + "".join(code for _, code in _FIELDS))

REPLACED = 0xFFFFFFFF  # instead of a status
# boot_ns, image_boot_ns, image_pid, kind, status, max_rss_kb, cpu_ns
END = struct.Struct("=QQIIIIQ")

ASLEEP = struct.Struct("=I")  # of the map `asleep`
GENERATION = struct.Struct("=I")  # of the map `generation`
# Of the map `images`: boot_ns, pid, own, cpu_ns, ahead_ns, cpu
IMAGE = struct.Struct("=QIIQQI4x")
CPU_UNKNOWN = (1 << 64) - 1  # of an image that began before the programs were loaded
# The map `counters`, of one CPU: seen, lost, ends_lost, untracked, cut, untold, open, filtered,
# submitted
COUNTERS = struct.Struct("=QQQQQQqQQ")
BUDGET = struct.Struct("=qQQ")  # of the map `budgets`: bytes, filled_ns, cut
LIMIT = struct.Struct("=QQ")  # of the map `limits`: execs, bytes
COMMON_LIMIT = struct.Struct("=QQQ")  # of the map `limit`: execs, bytes, users
UNLIMITED = (1 << 64) - 1
EXEC_BUDGET = struct.Struct("=qQQ")  # of the map `exec_budgets`: left, filled_ns, filtered
OTHER_UIDS = 1 << 31  # in a key of `budgets` with a login uid: all other uids of that login

# The maps of the rules, see rules.h. Fields, in the order in which they are asked for:
RULE_FIELDS = ("uid", "euid", "loginuid", "comm", "filename", "cgroup")
RULES_MAX, RULE_SLOTS = 64, 1024
RULE_UIDS = RULE_FIELDS[:3]
# Unasked for each field, rules, ignored, no_login, levels, slot of each rule:
RULE_SET = struct.Struct("=6QQQQQ64H")
RULE_VALUE = struct.Struct("=QII")  # value, is_cgroup, half
RULE_BITS = struct.Struct("=3Q")  # for each of RULE_UIDS; of a cgroup the first
RULE_TEXT = struct.Struct("=IB255s")  # bits of what follows, field * 2 + half, text
