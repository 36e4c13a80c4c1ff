/* The wire contract: what the kernel program submits to the perf buffer.
 *
 * bpf/wire.py says the same in Python; the loader compares the two against the
 * compiled program before anything is attached. Every field has its natural
 * alignment and there is no padding. Byte order is the machine's own.
 */
#ifndef EXECDB_H
#define EXECDB_H

#define MESSAGE_LEN 12    /* the book's messages; 12 bytes need no NUL */
#define COMM_LEN 16       /* TASK_COMM_LEN */
#define TTY_LEN 16
#define NAME_LEN 256      /* NAME_MAX and the NUL; some file systems have longer names */
/* Room in a record for each part, so that none can push another one out. With what perf puts
 * around it, a record must stay under 64 KiB. */
#define FILENAME_ROOM 4128 /* /dev/fd/N/ and PATH_MAX: the longest name there is */
#define ARGS_ROOM 49152
#define CWD_ROOM 7968
#define CGROUP_ROOM 4096
#define MARK_LEN 4        /* "..." for the names that are not there */
#define DATA_ROOM (FILENAME_ROOM + ARGS_ROOM + CWD_ROOM + MARK_LEN + 1 + CGROUP_ROOM + MARK_LEN)

#define CUT 256           /* what is left of each part at least, if it is cut */
#define FREE_BYTES 1024   /* of each record, which count against no budget */

#define KIND_EXEC 1       /* struct exec_record: an image began */
#define KIND_END 2        /* struct end_record: an image ended with its process */
#define KIND_ATTEMPT 3    /* struct exec_record: an execve that failed */

#define REPLACED 0xffffffff /* ended by an exec whose own record was lost */

#define FLAG_REPLACES 1   /* the parent image is this process's own, which ends here */

/* A message of the `config` map and of `fallback`. */
struct message {
	char text[MESSAGE_LEN];
};

/* Names a process image: when it began and in which process. */
struct image {
	u64 boot_ns;
	u32 pid;
	u32 own;          /* began in the process that holds it; else inherited by fork */
};

/* One exec, or one failed attempt. Behind it: `filename_len` bytes of filename (with its
 * NUL), `args_len` bytes of arguments, each with its NUL, and `where_len` bytes: the names of
 * the current directory from the last to the first, an empty one, those of the cgroup. A path
 * that is not there as a whole ends with the name "...". */
struct exec_record {
	u64 boot_ns;        /* CLOCK_BOOTTIME */
	u64 parent_boot_ns; /* the image that called execve; 0 if unknown */
	u32 parent_pid;
	u32 kind;
	u32 pid;            /* thread group id, initial PID namespace */
	u32 ppid;
	u32 flags;
	u32 error;          /* errno of a failed attempt, else 0 */
	u32 where_len;
	u32 unused;
	char caller[COMM_LEN]; /* who called execve; empty unless attempts are recorded */
	/* who: user space interns these bytes as they are */
	u32 uid;            /* real */
	u32 euid;           /* effective, after the exec */
	u32 gid;            /* real */
	u32 loginuid;       /* audit's; (u32)-1 if unset */
	u32 sessionid;      /* audit's; (u32)-1 if unset */
	char tty[TTY_LEN];  /* controlling terminal; empty if none */
	struct message message;
	/* what: likewise, from here to the end of the arguments */
	u32 argc;
	u32 truncated;      /* argv or the filename was cut, or could not be read */
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
	u32 status;         /* as wait(2) has it, or REPLACED */
	u32 unused;
};

/* What this CPU's program has counted since it was loaded. */
struct counters {
	u64 seen;         /* execs, and failed attempts where they are recorded */
	u64 lost;         /* of them, records there was no room for */
	u64 ends_lost;    /* likewise, of ends */
	u64 untracked;    /* images that `images` had no room for: no end, no children */
	u64 cut;          /* execs whose arguments were cut for a budget or a ring that is filling */
	u64 untold;       /* failed attempts whose return was not seen; not among the seen */
	s64 open;         /* calls noted, less those that are over */
	u64 submitted;    /* bytes that went into this CPU's ring */
};

#define OTHER_UIDS 0x80000000 /* with a login uid: all uids but itself that it goes by */

/* What a user may still submit. */
struct budget {
	s64 bytes;        /* below zero once the last record that it allowed was longer */
	u64 filled_ns;    /* when it was last added to, CLOCK_BOOTTIME */
	u64 cut;          /* execs whose arguments were cut, since the program was loaded */
};

#endif
