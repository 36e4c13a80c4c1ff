/* What is executed: the filename and the arguments, behind the fixed part of a record.
 * Included by execdb.bpf.c. */

/* Appends a string from kernel memory with its NUL. */
static inline void append(struct scratch *s, const char *from, u64 most)
{
	u64 at = s->at;
	long length;

	if (at > sizeof(s->data) - most)
		return;
	length = read_kernel_str(s->data + at, most, from);
	if (length > 0)
		s->at = at + length;
}

/* The name by which the program was started. If it must be cut, its end is kept behind a mark. */
static inline void append_filename(struct scratch *s, const char *filename)
{
	u64 room = part_room(s, FILENAME_ROOM), at, keep, from;

	append(s, filename, FILENAME_ROOM);
	at = s->at;
	if (at > room) {
		keep = room - MARK_LEN;
		from = at - keep;
		asm volatile("" : "+r"(from), "+r"(keep)); /* or LLVM removes the bounds checks */
		if (from < FILENAME_ROOM && keep < FILENAME_ROOM &&
		    !read_kernel(s->data + MARK_LEN, keep, s->data + from)) {
			__builtin_memcpy(s->data, "/...", MARK_LEN);
			s->at = room;
		}
		s->exec.truncated = 1;
	}
	s->exec.filename_len = s->at;
}

/* All arguments in one read. The exec has just written them, so all of them are in memory. */
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
	if (read_user(s->data + at, length, (const void *)start))
		s->exec.truncated = 1;
	else
		s->at = at + length;
	s->exec.args_len = s->at - s->exec.filename_len;
}
