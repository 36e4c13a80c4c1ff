/* The program in the kernel: one record for every exec.
 *
 * No kernel header is included. Offsets named *_OFFSET come from the running
 * kernel's BTF as -D flags (bpf/btf.py), kernel memory is read with explicit
 * helpers, and bpf/headers/ satisfies what BCC itself includes.
 *
 * Lengths are u64 and clamped right before use: LLVM emits cpu v1 code for
 * BCC, and the verifier loses the bounds of anything narrower.
 */
#include "execdb.h"

/* A record under construction is too large for the 512-byte stack. One entry
 * a CPU in a plain array: a per-CPU array cannot hold values over 32 KiB. */
struct scratch {
	struct exec_record exec;
	char data[FILENAME_MAX + ARGS_MAX];
};

BPF_HASH(config, u32, struct message, CONFIG_MAX);
BPF_ARRAY(fallback, struct message, 1); /* the message of uids not in config */
BPF_PERCPU_ARRAY(counters, struct counters, 1);
BPF_ARRAY(scratch, struct scratch, CPUS);
BPF_PERF_OUTPUT(output);

#define READ(type, base, offset) ({ \
	type value = 0; \
	bpf_probe_read_kernel(&value, sizeof(value), (const char *)(base) + (offset)); \
	value; })

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

static inline void set_identity(struct exec_record *exec, const void *task)
{
	u64 uid_gid = bpf_get_current_uid_gid();
	const void *parent = READ(const void *, task, TASK_REAL_PARENT_OFFSET);
	const void *cred = READ(const void *, task, TASK_CRED_OFFSET);

	exec->pid = bpf_get_current_pid_tgid() >> 32;
	exec->ppid = READ(u32, parent, TASK_TGID_OFFSET);
	exec->uid = uid_gid;
	exec->gid = uid_gid >> 32;
	exec->euid = READ(u32, cred, CRED_EUID_OFFSET);
	bpf_get_current_comm(exec->comm, sizeof(exec->comm));
}

/* The filename, its NUL included; returns its length. */
static inline u64 copy_filename(struct scratch *s, const void *bprm)
{
	const char *filename = READ(const char *, bprm, BPRM_FILENAME_OFFSET);
	long length = bpf_probe_read_kernel_str(s->data, FILENAME_MAX, filename);

	return length > 0 ? length : 0;
}

/* All arguments in one read: exec has just written them, so none is paged out.
 * Returns the bytes kept; marks what was cut. */
static inline u64 copy_args(struct scratch *s, u64 at, const void *task)
{
	const void *mm = READ(const void *, task, TASK_MM_OFFSET);
	u64 start = READ(u64, mm, MM_ARG_START_OFFSET);
	u64 length = READ(u64, mm, MM_ARG_END_OFFSET) - start;

	if (length > ARGS_MAX) {
		length = ARGS_MAX;
		s->exec.flags |= FLAG_TRUNCATED;
	}
	at &= FILENAME_MAX - 1;
	if (bpf_probe_read_user(s->data + at, length, (const void *)start)) {
		s->exec.flags |= FLAG_TRUNCATED;
		return 0;
	}
	return length;
}

int on_exec(struct bpf_raw_tracepoint_args *ctx) /* task, old_pid, bprm */
{
	const void *task = (const void *)ctx->args[0];
	const void *bprm = (const void *)ctx->args[2];
	u32 cpu = bpf_get_smp_processor_id();
	u32 first = 0;
	struct counters *count = counters.lookup(&first);
	struct scratch *s = scratch.lookup(&cpu);
	u64 length;

	if (!count || !s)
		return 0;
	count->seen++;

	s->exec.boot_ns = bpf_ktime_get_boot_ns();
	s->exec.flags = 0;
	s->exec.argc = READ(u32, bprm, BPRM_ARGC_OFFSET);
	set_identity(&s->exec, task);
	set_message(&s->exec);

	length = copy_filename(s, bprm);
	s->exec.filename_len = length;
	s->exec.args_len = copy_args(s, length, task);
	length = sizeof(s->exec) + s->exec.filename_len + s->exec.args_len;
	if (length > sizeof(*s))
		length = sizeof(*s);
	if (output.perf_submit(ctx, s, length))
		count->lost++;
	return 0;
}
