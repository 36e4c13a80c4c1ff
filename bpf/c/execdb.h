/* The wire contract: what the kernel program submits to the perf buffer.
 *
 * bpf/wire.py says the same in Python; the loader compares it with the compiled program before
 * anything is attached. Every field has its natural alignment and there is no padding. The byte
 * order is the machine's own.
 */
#ifndef EXECDB_H
#define EXECDB_H

#define MESSAGE_LEN 12 /* the book's messages; 12 bytes need no NUL */
#define COMM_LEN 16    /* TASK_COMM_LEN */
#define TTY_LEN 16
#define NAME_LEN 256 /* NAME_MAX and the NUL; some file systems have longer names */
/* Each part of a record has its own room, so that none can push out another. With the header that
 * perf adds, a record must stay under 64 KiB. */
#define FILENAME_ROOM 4128 /* /dev/fd/N/ and PATH_MAX: the longest name that exists */
#define ARGS_ROOM 49152
#define CWD_ROOM 5824
#define CGROUP_ROOM 4096
#define EXE_ROOM 2048
#define MARK_LEN 4 /* "..." for the names that are left out */
#define PLACE_ROOM (CWD_ROOM + MARK_LEN + 1 + CGROUP_ROOM + MARK_LEN)
#define DATA_ROOM (FILENAME_ROOM + ARGS_ROOM + PLACE_ROOM + EXE_ROOM + MARK_LEN)

#define CUT 256         /* bytes of each part that are kept in any case */
#define FREE_BYTES 1024 /* of each record that are not charged to any budget */

#define KIND_EXEC 1    /* struct exec_record: an image began */
#define KIND_END 2     /* struct end_record: an image ended with its process */
#define KIND_ATTEMPT 3 /* struct exec_record: an execve that failed */

#define REPLACED 0xffffffff /* a status: ended by an exec whose own record was lost */

#define FLAG_REPLACES 1 /* the parent image ran in this process, and ends with this exec */

#define EXE_DELETED 1  /* no name leads to the file any more */
#define EXE_BOUND 2    /* the path ends at the root of the file's own file system */
#define EXE_NAMELESS 4 /* the name stands in no directory: memfd_create(2) */

#define CPU_UNKNOWN 0xffffffffffffffffULL /* of an image that began before the programs did */

/* A value of the maps `config` and `fallback`. */
struct message {
	char text[MESSAGE_LEN];
};

/* Identifies a process image by when and in which process it began. */
struct image {
	u64 boot_ns;
	u32 pid;
	u32 own;      /* it began in the process that runs it; else inherited by fork */
	u64 cpu_ns;   /* what the process had used when it began; CPU_UNKNOWN */
	u64 ahead_ns; /* see cost.h */
	u32 cpu;      /* where it began */
	u32 unused;
};

/* One exec, or one failed attempt. It is followed by `filename_len` bytes of filename with its NUL,
 * `args_len` bytes of arguments, each with its NUL, and `where_len` bytes of names: those of the
 * current directory from the last to the first, an empty one, those of the cgroup likewise, and, in
 * the last `exe_len` bytes, those of the file that runs. A path that was cut ends with the name
 * "...". */
struct exec_record {
	u64 boot_ns;        /* CLOCK_BOOTTIME */
	u64 parent_boot_ns; /* the image that called execve; 0 if unknown */
	u32 parent_pid;
	u32 kind;
	u32 pid; /* thread group id, initial PID namespace */
	u32 ppid;
	u32 flags;
	u32 error; /* errno of a failed attempt, else 0 */
	u32 where_len;
	u32 ns_pid;            /* the pid in its own PID namespace */
	u64 replaced_cpu_ns;   /* CPU time of the image that ends with this exec; or CPU_UNKNOWN */
	u32 max_rss_kb;        /* peak of the process until now */
	char caller[COMM_LEN]; /* who called execve; empty unless attempts are recorded */
	/* Who, up to `config_generation`: user space looks these bytes up as a whole. */
	u32 uid;           /* real */
	u32 euid;          /* effective, after the exec */
	u32 gid;           /* real */
	u32 loginuid;      /* audit's; (u32)-1 if unset */
	u32 sessionid;     /* audit's; (u32)-1 if unset */
	char tty[TTY_LEN]; /* controlling terminal; empty if none */
	struct message message;
	u32 config_generation; /* of the config in the kernel; 0 if none was confirmed yet */
	/* Where, with the first names behind the arguments. */
	u32 pid_ns; /* inode numbers of namespaces, as /proc/PID/ns shows them */
	u32 mnt_ns;
	u32 user_ns;
	u32 cwd_deleted;
	/* The file that runs, with the last names. */
	u64 exe_inode;
	u32 exe_device; /* the kernel's dev_t: 12 bits major, 20 bits minor */
	u32 exe_flags;
	u32 exe_len;
	u32 unused;
	/* What: the same, from here to the end of the arguments. */
	u32 argc;
	u32 truncated; /* argv or the filename was cut, or could not be read */
	u32 filename_len;
	u32 args_len;
	char comm[COMM_LEN];
};

/* The end of an image that was recorded. */
struct end_record {
	u64 boot_ns;
	u64 image_boot_ns;
	u32 image_pid;
	u32 kind;
	u32 status; /* as wait(2) has it, or REPLACED */
	u32 max_rss_kb;
	u64 cpu_ns; /* of the image; CPU_UNKNOWN */
};

/* What the programs have counted on this CPU since they were loaded. */
struct counters {
	u64 seen;      /* execs, and failed attempts where they are recorded */
	u64 lost;      /* of them, those whose records found no room in the ring */
	u64 ends_lost; /* ends whose records found no room */
	u64 untracked; /* images that did not fit into `images`: they have no end and no children */
	u64 cut;       /* execs whose arguments were cut because of a budget or a ring that fills */
	u64 untold;    /* failed attempts whose return was not seen; not counted in `seen` */
	s64 open;      /* calls that were noted, minus those that are over */
	u64 filtered;  /* execs and attempts that rules or limits left out */
	u64 submitted; /* bytes that went into this CPU's ring */
};

#define OTHER_UIDS 0x80000000 /* in a key with a login uid: all other uids of that login */

/* A value of the map `budgets`: what a user may still submit. */
struct budget {
	s64 bytes;     /* negative if the last record was longer than what was left */
	u64 filled_ns; /* when bytes were last added, CLOCK_BOOTTIME */
	u64 cut;       /* execs of this user whose arguments were cut, since the load */
};

#endif
