/* The maps that every program uses, and how kernel memory is read. Included by execdb.bpf.c. */

#define ENOSPC 28 /* uapi/asm-generic/errno-base.h */

#define RULE_TEXT 255 /* bytes of a name that rules compare; an LPM trie takes keys of 256 */

/* A key of `rule_texts`, see rules.h. */
struct rule_text {
	u32 bits; /* of what follows */
	u8 where; /* field * 2 + half */
	char text[RULE_TEXT];
} __attribute__((packed));

/* A record under construction is too large for the 512-byte stack. There is one entry for each CPU
 * in a plain array, because a per-CPU array cannot hold values over 32 KiB. */
struct scratch {
	struct exec_record exec;
	char data[DATA_ROOM + 1];
	/* In memory, so that the verifier forgets their history and loops stay cheap to prove: */
	u64 at;    /* where in `data` the next string goes */
	u64 room;  /* where in `data` the names of the current path must end */
	u64 names; /* names of the current path so far */
	s64 left;  /* bytes that `data` may take; each part may take CUT bytes in any case */
	u64 cut;   /* nonzero if the arguments were cut because of `left` */
	u64 over;  /* nonzero if the user's own budget is used up */
	/* The limits that hold for this record, see limits.h; 0: without limit. */
	u64 execs_max; /* a second */
	u64 bytes_max; /* a second */
	u64 own_bytes; /* nonzero if the user has a limit on bytes of its own */
	u64 nothing;   /* zero: an empty name */
	struct rule_text key;
};

BPF_HASH(config, u32, struct message, CONFIG_MAX); /* uid -> message */
BPF_ARRAY(fallback, struct message, 1); /* the message for every uid that is not in `config` */
BPF_ARRAY(generation, u32, 1);          /* of the config; written after the maps that it counts */
BPF_PERCPU_ARRAY(counters, struct counters, 1);
BPF_ARRAY(scratch, struct scratch, CPUS);
BPF_ARRAY(ending, struct end_record, CPUS);
BPF_HASH(images, u32, struct image, IMAGES_MAX); /* process -> the image that it runs */
BPF_PERF_OUTPUT(output);
BPF_ARRAY(drained, u64, CPUS);          /* how many of the `submitted` bytes user space has read */
BPF_RINGBUF_OUTPUT(spare, SPARE_PAGES); /* for CPUs that have no ring in `output` */
/* Nonzero: user space sleeps until `bell` has something. It writes this in its own memory. */
BPF_F_TABLE("array", u32, u32, asleep, 1, BPF_F_MMAPABLE);
BPF_RINGBUF_OUTPUT(bell, 1);

/* The helpers that read memory, under names of our own: for the usual names BCC searches all symbols
 * of the kernel (see loader_child.py). They exist from 5.5 on. */
static long (*read_user)(void *to, u32 size, const void *from) = (void *)BPF_FUNC_probe_read_user;
static long (*read_user_str)(void *to, u32 size,
                             const void *from) = (void *)BPF_FUNC_probe_read_user_str;
static long (*read_kernel)(void *to, u32 size,
                           const void *from) = (void *)BPF_FUNC_probe_read_kernel;
static long (*read_kernel_str)(void *to, u32 size,
                               const void *from) = (void *)BPF_FUNC_probe_read_kernel_str;

#define READ(type, base, offset)                                                     \
	({                                                                           \
		type value = 0;                                                      \
		read_kernel(&value, sizeof(value), (const char *)(base) + (offset)); \
		value;                                                               \
	})

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
