/* The programs in the kernel: one record for every exec, one for the end of its image.
 *
 * No kernel header is included. Offsets named *_OFFSET come from the running
 * kernel's BTF as -D flags (bpf/loader.py), kernel memory is read with explicit
 * helpers, and bpf/c/headers satisfies what BCC itself includes.
 *
 * Lengths are u64 and clamped right before use: LLVM emits cpu v1 code for
 * BCC, and the verifier loses the bounds of anything narrower.
 */
#include "execdb.h"

#define ENOSPC 28 /* uapi/asm-generic/errno-base.h */

/* A record under construction is too large for the 512-byte stack. One entry
 * a CPU in a plain array: a per-CPU array cannot hold values over 32 KiB. */
struct scratch {
	struct exec_record exec;
	char data[DATA_ROOM + 1];
	/* In memory, so that the verifier forgets their history and a loop stays cheap to prove: */
	u64 at;	   /* where in `data` the next string goes */
	u64 room;  /* up to where names of a path may go */
	u64 names; /* of the path so far */
	s64 left;  /* what `data` may take, but for CUT bytes of each part */
	u64 cut;   /* arguments were cut for that */
	u64 over;  /* the user's own budget is used up */
};

BPF_HASH(config, u32, struct message, CONFIG_MAX);
BPF_ARRAY(fallback, struct message, 1); /* the message of uids not in config */
BPF_PERCPU_ARRAY(counters, struct counters, 1);
BPF_ARRAY(scratch, struct scratch, CPUS);
BPF_ARRAY(ending, struct end_record, CPUS);
BPF_HASH(images, u32, struct image, IMAGES_MAX); /* process -> the image it runs */
BPF_PERF_OUTPUT(output);
BPF_ARRAY(drained, u64, CPUS); /* of `submitted`, what user space has read */
BPF_RINGBUF_OUTPUT(spare, SPARE_PAGES); /* for CPUs that have no ring in `output` */

#define READ(type, base, offset) ({ \
	type value = 0; \
	bpf_probe_read_kernel(&value, sizeof(value), (const char *)(base) + (offset)); \
	value; })

static inline struct counters *counter(void)
{
	u32 first = 0;

	return counters.lookup(&first);
}

static inline struct scratch *own_scratch(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return scratch.lookup(&cpu);
}

static inline void set_message(struct exec_record *exec)
{
	u32 uid = exec->uid;
	u32 first = 0;
	struct message *found = config.lookup(&uid);

	if (!found)
		found = fallback.lookup(&first);
	if (found)
		exec->message = *found;
}

/* The audit subsystem's idea of the person, and the terminal. */
static inline void set_login(struct exec_record *exec, const void *task)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);
	const void *tty = READ(const void *, signal, SIGNAL_TTY_OFFSET);

#ifdef TASK_LOGINUID_OFFSET
	exec->loginuid = READ(u32, task, TASK_LOGINUID_OFFSET);
	exec->sessionid = READ(u32, task, TASK_SESSIONID_OFFSET);
#else
	exec->loginuid = exec->sessionid = -1;
#endif
	__builtin_memset(exec->tty, 0, sizeof(exec->tty)); /* its bytes are compared as a whole */
	if (tty)
		bpf_probe_read_kernel_str(exec->tty, sizeof(exec->tty), tty + TTY_NAME_OFFSET);
}

static inline void set_identity(struct exec_record *exec, const void *task)
{
	u64 uid_gid = bpf_get_current_uid_gid();
	const void *parent = READ(const void *, task, TASK_REAL_PARENT_OFFSET);
	const void *cred = READ(const void *, task, TASK_CRED_OFFSET);

	exec->boot_ns = bpf_ktime_get_boot_ns();
	exec->pid = bpf_get_current_pid_tgid() >> 32;
	exec->ppid = READ(u32, parent, TASK_TGID_OFFSET);
	exec->uid = uid_gid;
	exec->gid = uid_gid >> 32;
	exec->euid = READ(u32, cred, CRED_EUID_OFFSET);
	exec->flags = 0;
	exec->truncated = 0;
	bpf_get_current_comm(exec->comm, sizeof(exec->comm));
	set_login(exec, task);
	set_message(exec);
}

/* The image that called execve: what this process ran until now, or what the process
 * ran that it was forked from. */
static inline void set_parent(struct exec_record *exec)
{
	u32 pid = exec->pid;
	struct image *parent = images.lookup(&pid);

	exec->parent_boot_ns = parent ? parent->boot_ns : 0;
	exec->parent_pid = parent ? parent->pid : 0;
	if (parent && parent->own)
		exec->flags |= FLAG_REPLACES;
}

/* Appends a string from kernel memory, its NUL included. */
static inline void append(struct scratch *s, const char *from, u64 most)
{
	u64 at = s->at;
	long length;

	if (at > sizeof(s->data) - most)
		return;
	length = bpf_probe_read_kernel_str(s->data + at, most, from);
	if (length > 0)
		s->at = at + length;
}

/* Hands a record over; nonzero if there was no room for it. A CPU that came online has no ring
 * (ENOENT), and the kernel takes one that had gone offline off its ring for good (EOPNOTSUPP), as
 * a suspend does with all CPUs but the first. */
static inline int hand_over(void *ctx, void *record, u64 size, struct counters *count)
{
	int error = output.perf_submit(ctx, record, size);

	if (!error)
		count->submitted += (size + 12 + 7) & ~7ULL; /* as perf has it in the ring */
	else if (error != -ENOSPC)
		error = spare.ringbuf_output(record, size, BPF_RB_NO_WAKEUP);
	return error;
}

static inline int submit(void *ctx, struct scratch *s, struct counters *count)
{
	u64 length = s->at;

	if (length > DATA_ROOM)
		length = DATA_ROOM;
	return hand_over(ctx, s, sizeof(s->exec) + length, count);
}

#include "budget.h"

/* The name that the program was started by. Of one that is cut the end is kept, behind a mark. */
static inline void append_filename(struct scratch *s, const char *filename)
{
	u64 room = part_room(s, FILENAME_ROOM), at, keep, from;

	append(s, filename, FILENAME_ROOM);
	at = s->at;
	if (at > room) {
		keep = room - MARK_LEN;
		from = at - keep;
		asm volatile("" : "+r"(from), "+r"(keep)); /* or LLVM would leave the bounds out */
		if (from < FILENAME_ROOM && keep < FILENAME_ROOM &&
		    !bpf_probe_read_kernel(s->data + MARK_LEN, keep, s->data + from)) {
			__builtin_memcpy(s->data, "/...", MARK_LEN);
			s->at = room;
		}
		s->exec.truncated = 1;
	}
	s->exec.filename_len = s->at;
}

/* All arguments in one read: exec has just written them, so none is paged out.
 * Marks what was cut. */
static inline void append_args(struct scratch *s, const void *task)
{
	const void *mm = READ(const void *, task, TASK_MM_OFFSET);
	u64 start = READ(u64, mm, MM_ARG_START_OFFSET);
	u64 length = READ(u64, mm, MM_ARG_END_OFFSET) - start;
	u64 room = part_room(s, ARGS_ROOM);
	u64 at = s->at;

	if (length > room) {
		length = room;
		s->exec.truncated = 1;
		s->cut = room < ARGS_ROOM;
	}
	if (length > ARGS_ROOM)
		length = ARGS_ROOM;
	if (at > FILENAME_ROOM)
		at = FILENAME_ROOM;
	if (bpf_probe_read_user(s->data + at, length, (const void *)start))
		s->exec.truncated = 1;
	else
		s->at = at + length;
	s->exec.args_len = s->at - s->exec.filename_len;
}

#include "cwd_cgroup.h"

#ifdef ATTEMPTS
#include "attempts.h"
#endif

/* What the process ran until now has ended, and the record that would say so is lost. */
static inline void end_replaced(void *ctx, const struct exec_record *exec, struct counters *count)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct end_record *end = ending.lookup(&cpu);

	if (!(exec->flags & FLAG_REPLACES) || !end)
		return;
	end->boot_ns = exec->boot_ns;
	end->image_boot_ns = exec->parent_boot_ns;
	end->image_pid = exec->parent_pid;
	end->kind = KIND_END;
	end->status = REPLACED;
	if (hand_over(ctx, end, sizeof(*end), count))
		count->ends_lost++;
}

int on_exec(struct bpf_raw_tracepoint_args *ctx) /* task, old_pid, bprm */
{
	const void *task = (const void *)ctx->args[0];
	const void *bprm = (const void *)ctx->args[2];
	const char *filename = READ(const char *, bprm, BPRM_FILENAME_OFFSET);
	struct counters *count = counter();
	struct scratch *s = own_scratch();
	struct image image = {};

	if (!count || !s)
		return 0;
	count->seen++;

	set_identity(&s->exec, task);
	set_parent(&s->exec);
	s->exec.kind = KIND_EXEC;
	s->exec.error = 0;
	s->exec.argc = READ(u32, bprm, BPRM_ARGC_OFFSET);
	__builtin_memset(s->exec.caller, 0, sizeof(s->exec.caller));
#ifdef ATTEMPTS
	set_caller(&s->exec, task, count);
#endif
	begin_data(s, count);
	append_filename(s, filename);
	append_args(s, task);
	copy_where(s, task);
	s->exec.where_len = s->at - s->exec.filename_len - s->exec.args_len;
	charge(s, count);

	image.boot_ns = s->exec.boot_ns;
	image.pid = s->exec.pid;
	image.own = 1;
	if (submit(ctx, s, count)) {
		count->lost++;
		end_replaced(ctx, &s->exec, count);
		images.delete(&image.pid); /* nobody can refer to a row that is not there */
	} else if (images.update(&image.pid, &image)) {
		count->untracked++;
	}
	return 0;
}

int on_fork(struct bpf_raw_tracepoint_args *ctx) /* parent, child */
{
	const void *child = (const void *)ctx->args[1];
	u32 pid = READ(u32, child, TASK_PID_OFFSET);
	u32 parent = bpf_get_current_pid_tgid() >> 32;
	struct counters *count = counter();
	struct image *image;
	struct image copy;

	if (pid != READ(u32, child, TASK_TGID_OFFSET))
		return 0; /* a thread */
	image = images.lookup(&parent);
	if (!image) {
		images.delete(&pid); /* of an earlier process with this pid */
		return 0;
	}
	copy = *image;
	copy.own = 0;
	if (images.update(&pid, &copy) && count)
		count->untracked++;
	return 0;
}

/* The status that wait(2) will give for the process (kernel/exit.c, wait_task_zombie). */
static inline u32 wait_status(const void *task)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);

	if (READ(u32, signal, SIGNAL_FLAGS_OFFSET) & 4) /* SIGNAL_GROUP_EXIT */
		return READ(u32, signal, SIGNAL_GROUP_EXIT_CODE_OFFSET);
	return READ(u32, READ(const void *, task, TASK_GROUP_LEADER_OFFSET), TASK_EXIT_CODE_OFFSET);
}

/* Whether this is the last thread of its process. */
static inline int group_dead(struct bpf_raw_tracepoint_args *ctx, const void *task)
{
#ifdef EXIT_TELLS_GROUP_DEAD
	return ctx->args[1] & 1;
#else
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);

	return READ(u32, signal, SIGNAL_LIVE_OFFSET) == 0;
#endif
}

int on_exit(struct bpf_raw_tracepoint_args *ctx) /* task, group_dead on newer kernels */
{
	const void *task = (const void *)ctx->args[0];
	u32 cpu = bpf_get_smp_processor_id();
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct end_record *end = ending.lookup(&cpu);
	struct counters *count = counter();
	struct image *image;

	if (!end || !count)
		return 0;
#ifdef ATTEMPTS
	drop_attempt(task, count);
#endif
	if (!group_dead(ctx, task))
		return 0;
	image = images.lookup(&pid);
	if (!image)
		return 0;
	end->image_boot_ns = image->own ? image->boot_ns : 0;
	if (images.delete(&pid)) /* two last threads at once: one of them is first */
		return 0;
	if (!end->image_boot_ns)
		return 0; /* forked and never exec'd: nothing that user space knows of */
	end->boot_ns = bpf_ktime_get_boot_ns();
	end->image_pid = pid;
	end->kind = KIND_END;
	end->status = wait_status(task);
	if (hand_over(ctx, end, sizeof(*end), count))
		count->ends_lost++;
	return 0;
}
