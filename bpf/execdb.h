/* The wire contract: what the kernel program submits to the perf buffer.
 *
 * bpf/wire.py says the same in Python; the loader compares the two against the
 * compiled program before anything is attached. Every field has its natural
 * alignment and there is no padding. Byte order is the machine's own.
 */
#ifndef EXECDB_H
#define EXECDB_H

#define MESSAGE_LEN 12   /* the book's messages; 12 bytes need no NUL */
#define COMM_LEN 16      /* TASK_COMM_LEN */
#define FILENAME_MAX 4096 /* PATH_MAX, the NUL included */
#define ARGS_MAX 49152   /* what is kept of argv; a record must stay under 64 KiB */

#define FLAG_TRUNCATED 1 /* argv was cut, or could not be read */

/* A message of the `config` map and of `fallback`. */
struct message {
	char text[MESSAGE_LEN];
};

/* One exec. `filename_len` bytes of filename (with its NUL) follow, then
 * `args_len` bytes of arguments, each with its NUL. */
struct exec_record {
	u64 boot_ns;      /* CLOCK_BOOTTIME */
	u32 pid;          /* thread group id, initial PID namespace */
	u32 ppid;
	/* who: user space interns these bytes as they are */
	u32 uid;          /* real */
	u32 euid;         /* effective, after the exec */
	u32 gid;          /* real */
	struct message message;
	/* what: likewise, from here to the end of the arguments */
	u32 argc;
	u32 flags;
	u32 filename_len;
	u32 args_len;
	char comm[COMM_LEN];
};

/* What this CPU's program has counted since it was loaded. */
struct counters {
	u64 seen;         /* execs */
	u64 lost;         /* records the perf buffer had no room for */
};

#endif
