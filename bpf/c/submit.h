/* Handing records to user space. Included by execdb.bpf.c. */

#define PERF_HEAD \
	12 /* bytes that perf puts before a record: perf_event_open(2), PERF_RECORD_SAMPLE */

/* Submits a record; nonzero if there was no room for it. A CPU that came online after the start has
 * no ring (ENOENT). The kernel detaches the ring of a CPU that has gone offline for good
 * (EOPNOTSUPP); a suspend does that to all CPUs but the first. Both use the spare ring. */
static inline int write_record(void *ctx, void *record, u64 size, struct counters *count)
{
	int error = output.perf_submit(ctx, record, size);

	if (!error)
		count->submitted += (size + PERF_HEAD + 7) & ~7ULL; /* its size in the ring */
	else if (error != -ENOSPC)
		error = spare.ringbuf_output(record, size, BPF_RB_NO_WAKEUP);
	return error;
}

/* Wakes user space if it sleeps. It does so only while little happens: a wake-up takes several times
 * as long as the record. Two CPUs may both see that it sleeps; then it is woken twice. */
static inline void wake(void)
{
	u32 first = 0;
	u32 *sleeping = asleep.lookup(&first);
	u64 word = 0;

	if (!sleeping || !*sleeping)
		return;
	*sleeping = 0;
	bell.ringbuf_output(&word, sizeof(word), BPF_RB_FORCE_WAKEUP);
}

static inline int hand_over(void *ctx, void *record, u64 size, struct counters *count)
{
	int error = write_record(ctx, record, size, count);

	if (!error)
		wake();
	return error;
}

static inline int submit(void *ctx, struct scratch *s, struct counters *count)
{
	u64 length = s->at;

	if (length > DATA_ROOM)
		length = DATA_ROOM;
	return hand_over(ctx, s, sizeof(s->exec) + length, count);
}
