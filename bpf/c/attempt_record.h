/* The record of a call of execve that failed. Included by execdb.bpf.c where failed attempts are
 * recorded. */

#define ATTEMPT_ARGS 256 /* arguments copied */
#define ATTEMPT_ARGC 512 /* arguments counted; each costs the verifier time at every start */
#define ATTEMPT_ARG_MAX 4096
#define PATH_MAX 4096 /* uapi/linux/limits.h; with the NUL */

/* The next pointer of the caller's argv; 0 at its end, -1 if it cannot be read. */
static inline u64 argument(const struct attempt *attempt, u64 number)
{
	u64 pointer = 0;
	u64 size = attempt->pointer_size == 4 ? 4 : 8; /* 4 on little-endian machines only */

	if (!attempt->argv)
		return 0;
	if (read_user(&pointer, size, (const void *)(attempt->argv + number * size)))
		return -1;
	return pointer;
}

/* read_user_str, with 1 for an empty string in every kernel: before 6.13 it is 0 there
 * (strncpy_from_user_nofault in mm/maccess.c). */
static inline long read_user_text(char *to, u32 size, u64 from)
{
	long length = read_user_str(to, size, (const void *)from);

	if (length)
		return length;
	*to = 0;
	return 1;
}

/* Appends one argument; marks the record if the argument was cut. */
static inline void append_argument(struct scratch *s, u64 pointer)
{
	u64 at = s->at;
	long length = 0;

	if (at <= FILENAME_ROOM + ARGS_ROOM - ATTEMPT_ARG_MAX)
		length = read_user_text(s->data + at, ATTEMPT_ARG_MAX, pointer);
	if (length > 0)
		s->at = at + length;
	if (length <= 0 || length == ATTEMPT_ARG_MAX)
		s->exec.truncated = 1;
}

static inline void append_attempted_args(struct scratch *s, const struct attempt *attempt)
{
	u64 argc = 0, begin = s->at, room = part_room(s, ARGS_ROOM);

	for (int i = 0; i < ATTEMPT_ARGC; i++) {
		u64 pointer = argument(attempt, i);

		if (pointer == (u64)-1)
			s->exec.truncated = 1;
		if (!pointer || pointer == (u64)-1)
			break;
		argc++;
		if (i < ATTEMPT_ARGS && !s->exec.truncated)
			append_argument(s, pointer);
	}
	if (argc > ATTEMPT_ARGS)
		s->exec.truncated = 1;
	s->exec.argc = argc;
	if (s->at > begin + room) {
		s->at = begin + room;
		s->exec.truncated = s->cut = 1;
	}
}

/* Appends "/dev/fd/N/", or "/dev/fd/N" if there is no name behind it: what the kernel calls a file
 * that execveat looks up from a directory's descriptor (alloc_bprm in fs/exec.c), and the filename
 * of such a call that succeeds. */
static inline void append_directory(struct scratch *s, u64 directory, char first)
{
	const char begin[] = "/dev/fd/";
	u32 number = directory;
	u64 at = sizeof(begin) - 1;

	if ((s32)number == AT_FDCWD || first == '/')
		return;
	__builtin_memcpy(s->data, begin, sizeof(begin));
	if ((s32)number < 0) {
		s->data[at++] = '-';
		number = -number;
	}
#pragma unroll
	for (u32 unit = 1000000000; unit; unit /= 10)
		if (number >= unit || unit == 1)
			s->data[at++ & 31] = '0' + number / unit % 10;
	if (first)
		s->data[at++ & 31] = '/';
	s->at = at & 31;
}

/* The filename, which is empty if it cannot be read. */
static inline void append_asked_name(struct scratch *s, const struct attempt *attempt)
{
	long length;
	char first;
	u64 at;

	if (read_user(&first, 1, (const void *)attempt->filename))
		return;
	append_directory(s, attempt->directory, first);
	at = s->at & 31;
	length = read_user_text(s->data + at, PATH_MAX + 1, attempt->filename);
	if (length > PATH_MAX)
		s->exec.truncated = 1; /* longer than any name that exists */
	s->at = length > 0 ? at + length : 0;
}

/* What the caller asked for. A failure after the point of no return kills the caller, whose memory
 * is the new program's by then: it no longer holds what was asked for, so only what was read at
 * the entry is known. */
static inline void append_asked(struct scratch *s, const struct attempt *attempt)
{
	if (!attempt) {
		s->exec.truncated = 1;
	} else if (attempt->mm == READ(u64, bpf_get_current_task(), TASK_MM_OFFSET)) {
		append_asked_name(s, attempt);
		s->exec.filename_len = s->at;
		append_attempted_args(s, attempt);
	} else {
		s->exec.truncated = 1;
		append_directory(s, attempt->directory, attempt->early[0]);
		append(s, attempt->early, NAME_LEN);
		s->exec.filename_len = s->at;
	}
}

static inline void tell_attempt(void *ctx, u32 error, const struct attempt *attempt)
{
	const void *task = (const void *)bpf_get_current_task();
	struct counters *count = counter();
	struct scratch *s = own_scratch();

	if (!count || !s)
		return;
	count->seen++;
	set_identity(&s->exec, task);
	set_parent(&s->exec);
	s->exec.flags = 0; /* nothing was replaced */
	s->exec.kind = KIND_ATTEMPT;
	s->exec.error = error;
	s->exec.argc = s->exec.filename_len = 0;
	no_executable(&s->exec);
	no_cost(&s->exec);
	if (attempt) /* the task may have another name by now */
		__builtin_memcpy(s->exec.comm, attempt->caller, sizeof(s->exec.comm));
	__builtin_memcpy(s->exec.caller, s->exec.comm, sizeof(s->exec.caller));
	set_limits(s);
	begin_data(s, count);
	append_asked(s, attempt);
	if (is_left_out(s, s->exec.filename_len ? s->data : (const char *)&s->nothing, count))
		return;
	s->exec.args_len = s->at - s->exec.filename_len;
	copy_where(s, task);
	s->exec.where_len = s->at - s->exec.filename_len - s->exec.args_len;
	charge(s, count);
	if (submit(ctx, s, count))
		count->lost++;
}
