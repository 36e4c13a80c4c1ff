/* A machine of many CPUs that execs at a given rate: fills their rings as the kernel's programs do
 * (bpf/c/execdb.bpf.c), with recorded bytes.
 *
 *     machine DUMP MEMORY BELL CPUS PAGES RATE EXECS
 *
 * DUMP has records with a struct recorded before each, as they stand in a ring; they are written
 * again and again until there were EXECS execs, RATE a second (0: as fast as possible). MEMORY and
 * BELL are descriptors. MEMORY has a page with the word `asleep`, pages with a struct counters for
 * each CPU, and for each a ring of 1 + PAGES pages (perf_event_open(2), "MMAP layout"). BELL is an
 * eventfd. Prints how long it took and how late it was at most, in ns. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#include "../../../bpf/c/execdb.h"

#define PAGE 4096UL
#define NUMBER_LEN 9

/* `size` bytes follow: a header of perf and a record. `of` is the number of the record in the dump
 * whose image is the parent of this one, or ends with it; below 0 if it is none. At `number_at`, if
 * it is not 0, are digits that shall differ from exec to exec. */
struct recorded {
	u32 cpu;
	u32 size;
	s32 of;
	u32 number_at;
};
struct sample {
	struct perf_event_header header;
	u32 size;
	u64 boot_ns;
	u64 of_boot_ns; /* of the parent, or of the image that ends */
	u32 of_pid;
	u32 kind;
} __attribute__((packed));
struct lost_notice {
	struct perf_event_header header;
	u64 id, lost;
};
struct ring {
	struct perf_event_mmap_page *control;
	char *data;
	u64 size, lost; /* lost: since the last notice */
};

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static u64 copy(struct ring *ring, u64 head, const void *bytes, u64 size)
{
	u64 at = head & (ring->size - 1);
	u64 first = ring->size - at < size ? ring->size - at : size;

	memcpy(ring->data + at, bytes, first);
	memcpy(ring->data, (const char *)bytes + first, size - first);
	return head + size;
}

/* As the kernel does it (kernel/events/ring_buffer.c): the notice of what was lost comes before the
 * next record that finds room. Returns whether it did. */
static int put(struct ring *ring, const void *bytes, u64 size)
{
	u64 head = ring->control->data_head;
	u64 tail = __atomic_load_n(&ring->control->data_tail, __ATOMIC_ACQUIRE);
	struct lost_notice notice = {{PERF_RECORD_LOST, 0, sizeof(notice)}, 0, ring->lost};
	u64 before = ring->lost ? sizeof(notice) : 0;

	if (ring->size - 1 - (head - tail) < before + size) {
		ring->lost++;
		return 0;
	}
	head = copy(ring, head, &notice, before);
	head = copy(ring, head, bytes, size);
	ring->lost = 0;
	__atomic_store_n(&ring->control->data_head, head, __ATOMIC_RELEASE);
	return 1;
}

/* What the program does for a record; returns its time, or 0 if there was no room. */
static u64 submit(struct ring *ring, struct counters *count, struct sample *sample, u64 size)
{
	int is_exec = sample->kind != KIND_END;

	count->seen += is_exec;
	if (put(ring, sample, size)) {
		count->submitted += size;
		return sample->boot_ns;
	}
	if (is_exec)
		count->lost++;
	else
		count->ends_lost++;
	return 0;
}

static char *mapped(int fd, u64 size, int flags)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	check(memory != MAP_FAILED, "mmap");
	return memory;
}

int main(int argc, char **argv)
{
	check(argc == 8, "usage");
	int file = open(argv[1], O_RDONLY), bell = atoi(argv[3]);
	u64 cpus = atoi(argv[4]), pages = atoi(argv[5]), wanted = atoll(argv[7]);
	double step_ns = atof(argv[6]) > 0 ? 1e9 / atof(argv[6]) : 0;
	u64 counters = (cpus * sizeof(struct counters) + PAGE - 1) / PAGE;
	u64 length = (1 + counters + cpus * (1 + pages)) * PAGE;
	char *memory = mapped(atoi(argv[2]), length, MAP_SHARED);
	u32 *asleep = (u32 *)memory;
	struct counters *count = (struct counters *)(memory + PAGE);
	struct ring rings[cpus];
	struct stat dump;

	for (u64 cpu = 0; cpu < cpus; cpu++) {
		char *ring = memory + (1 + counters + cpu * (1 + pages)) * PAGE;
		rings[cpu] = (struct ring){(void *)ring, ring + PAGE, pages * PAGE, 0};
	}
	check(file >= 0 && !fstat(file, &dump), argv[1]);
	char *bytes = mapped(file, dump.st_size, MAP_PRIVATE);
	u64 *times = calloc(dump.st_size / sizeof(struct recorded), sizeof(u64));
	u64 begun_ns = now_ns(), last_ns = begun_ns, late_ns = 0, execs = 0, number = 0, at = 0;
	check(times != NULL, "calloc");

	while (execs < wanted) {
		struct recorded *recorded = (struct recorded *)(bytes + at);
		struct sample *sample = (struct sample *)(recorded + 1);
		u64 of_ns = recorded->of < 0 ? 0 : times[recorded->of];
		u64 time_ns = now_ns();

		if (sample->kind != KIND_END) {
			u64 due_ns = begun_ns + (u64)(step_ns * execs++);
			for (; step_ns && time_ns < due_ns; time_ns = now_ns())
				usleep(1000);
			if (step_ns && time_ns - due_ns > late_ns)
				late_ns = time_ns - due_ns;
		}
		times[number] = 0;
		if (sample->kind != KIND_END ||
		    of_ns) { /* else its exec was lost, and has no row */
			last_ns = time_ns > last_ns ? time_ns : last_ns + 1;
			sample->boot_ns = last_ns;
			sample->of_boot_ns = of_ns;
			if (recorded->number_at) {
				char digits[NUMBER_LEN + 1];
				snprintf(digits, sizeof(digits), "%09llu",
				         (unsigned long long)execs);
				memcpy((char *)sample + recorded->number_at, digits, NUMBER_LEN);
			}
			times[number] = submit(&rings[recorded->cpu], &count[recorded->cpu], sample,
			                       recorded->size);
			if (__atomic_exchange_n(asleep, 0, __ATOMIC_SEQ_CST))
				check(write(bell, &(u64){1}, sizeof(u64)) == sizeof(u64), "bell");
		}
		number++;
		at += sizeof(*recorded) + recorded->size;
		if (at >= (u64)dump.st_size)
			at = number = 0;
	}
	printf("[%llu, %llu]\n", (unsigned long long)(now_ns() - begun_ns),
	       (unsigned long long)late_ns);
	return 0;
}
