/* Which execs are left out on purpose: the rules of the config, of which the first that matches
 * decides. Included by execdb.bpf.c.
 *
 * A rule is a bit. For each field a map gives the rules that the exec's value satisfies, and the set
 * says which rules do not ask for that field. A rule matches if it has its bit in all of them, so
 * the time does not grow with the number of rules. There are two halves: user space writes a whole
 * set into the half that is not in use and then switches over, so a program sees one set or the
 * other, never a mixture. collector/rules writes these maps. */

#define RULES_MAX 64
#define RULE_TEXT 255 /* bytes of a name that are compared; an LPM trie takes keys of 256 */
#define RULE_SLOTS 1024
#define RULE_VALUES_MAX 16384
#define RULE_TEXTS_MAX 16384
#define CGROUP_LEVELS 16

enum { RULE_UID, RULE_EUID, RULE_LOGINUID, RULE_COMM, RULE_FILENAME, RULE_CGROUP, RULE_FIELDS };

struct rule_set {
	u64 unasked[RULE_FIELDS]; /* rules that do not ask for the field */
	u64 rules;                /* bits in use; the lowest one is the first rule */
	u64 ignored;              /* rules that leave the exec out; the others record it */
	u16 slot[RULES_MAX];      /* where in `filtered` each rule counts */
};

struct rule_value {
	u64 value; /* a uid, or the id of a cgroup */
	u32 field;
	u32 half;
};

/* Node P of the trie holds the rules of all patterns that P begins with. An exact pattern includes
 * the NUL, so that nothing longer begins with it. */
struct rule_text {
	u32 bits; /* of what follows */
	u8 where; /* field * 2 + half */
	char text[RULE_TEXT];
} __attribute__((packed));

BPF_ARRAY(rule_sets, struct rule_set, 2);
BPF_ARRAY(rule_half, u32, 1); /* which of them is in use */
BPF_HASH(rule_values, struct rule_value, u64, RULE_VALUES_MAX);
BPF_LPM_TRIE(rule_texts, struct rule_text, u64, RULE_TEXTS_MAX);
BPF_PERCPU_ARRAY(filtered, u64, RULE_SLOTS);
BPF_ARRAY(rule_key, struct rule_text, CPUS); /* under construction: large for the stack */

static inline u64 rules_of_value(u32 half, u32 field, u64 value)
{
	struct rule_value key = {.value = value, .field = field, .half = half};
	u64 *found = rule_values.lookup(&key);

	return found ? *found : 0;
}

static inline u64 rules_of_text(u32 half, u32 field, const char *text)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct rule_text *key = rule_key.lookup(&cpu);
	u64 *found;
	long length;

	if (!key)
		return 0;
	length = bpf_probe_read_kernel_str(key->text, sizeof(key->text), text);
	if (length < 0)
		return 0;
	key->where = field * 2 + half;
	key->bits = 8 * (1 + length);
	found = rule_texts.lookup(key);
	return found ? *found : 0;
}

/* A rule about a cgroup holds for those below it. */
static inline u64 rules_of_cgroup(u32 half)
{
	u64 found = 0;

	for (int level = 0; level < CGROUP_LEVELS; level++) {
		u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			break;
		found |= rules_of_value(half, RULE_CGROUP, id);
	}
	return found;
}

/* The bit of the first rule that matches; 0 if none does. What no rule asks for is not looked up. */
static inline u64 first_match(const struct exec_record *exec, const char *filename, u32 half,
                              const struct rule_set *set)
{
	u64 left = set->rules;

#define ASK(field, found)                \
	if (left & ~set->unasked[field]) \
		left &= set->unasked[field] | (found);
	ASK(RULE_UID, rules_of_value(half, RULE_UID, exec->uid))
	ASK(RULE_EUID, rules_of_value(half, RULE_EUID, exec->euid))
	ASK(RULE_LOGINUID, rules_of_value(half, RULE_LOGINUID, exec->loginuid))
	ASK(RULE_COMM, rules_of_text(half, RULE_COMM, exec->comm))
	ASK(RULE_FILENAME, rules_of_text(half, RULE_FILENAME, filename))
	ASK(RULE_CGROUP, rules_of_cgroup(half))
#undef ASK
	return left & -left;
}

/* The number of the only bit that is set, without a builtin that BPF has no instruction for. */
static inline u32 number_of(u64 bit)
{
	u32 number = 0;

	for (int step = 32; step; step >>= 1)
		if (bit >> step) {
			bit >>= step;
			number += step;
		}
	return number;
}

/* Whether a rule leaves this exec out; counts it. `filename` is in kernel memory. */
static inline int is_ignored(const struct exec_record *exec, const char *filename)
{
	u32 first = 0, *half = rule_half.lookup(&first), index;
	struct rule_set *set;
	u64 bit, *count;

	if (!half)
		return 0;
	index = *half & 1;
	set = rule_sets.lookup(&index);
	if (!set || !set->rules)
		return 0;
	bit = first_match(exec, filename, index, set);
	if (!(bit & set->ignored))
		return 0;
	index = number_of(bit);
	if (index < RULES_MAX) {
		index = set->slot[index];
		count = filtered.lookup(&index);
		if (count)
			(*count)++;
	}
	return 1;
}
