/* yardstick DUMP DB: the collector's work without Python, from records to committed rows.
 *
 * DUMP is a file of records as bpf/c/execdb.h has them, each behind its size (u32). DB is an empty
 * database of execdb with one run. The program writes into it what the collector would: the same
 * rows in the same tables and indexes, in transactions of BATCH records. It checks nothing, takes
 * text for UTF-8, and forgets nothing. Prints the CPU time that took, in nanoseconds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "yardstick.h"

#define BATCH 2000
#define SLOTS (1 << 20)   /* a power of two, beyond twice the number of execs */
#define ENTRIES_MAX 16384 /* then the next segment begins a new one: store/segments/dictionary.py */
#define ROWS 65536        /* of a segment: store/segments/writer.py */

struct row {
	u64 boot_ns, parent, duration_ns, cpu_ns;
	struct start start;
	u32 pid, ppid, max_rss_kb, ended;
	int status;
};

static struct {
	u64 boot_ns;
	u32 pid, id;
} * images;
static struct row rows[BATCH];
static u32 first = 1, waiting, first_entry = 1, first_row = 1;
/* The last block + 1 that each was noted for. */
static u32 pid_stamp[1 << 17], ppid_stamp[1 << 17], *entry_stamp;
static u64 begin_ns, last_ns; /* of the segment */
static sqlite3_stmt *to_image, *to_end, *to_segment, *to_pids, *to_origins, *to_programs, *to_run;
static sqlite3_stmt *to_ppids, *to_failures, *to_peaks;

/* The row of an image, or where it is to be noted. */
static u32 *image(u64 boot_ns, u32 pid)
{
	u64 at = (boot_ns ^ (u64)pid << 40) * 0x9e3779b97f4a7c15;

	for (at >>= 44;; at = (at + 1) & (SLOTS - 1)) {
		if (!images[at].id) {
			images[at].boot_ns = boot_ns;
			images[at].pid = pid;
		}
		if (images[at].boot_ns == boot_ns && images[at].pid == pid)
			return &images[at].id;
	}
}

static void note_failure(u32 block, int status)
{
	if (status > 0)
		run(to_failures, 2, (s64)status, (s64)block);
}

/* What the rows of a block took at most; stored after the last one. */
static void note_peaks(u32 block, const struct row *r, int last)
{
	static u64 duration_ns, cpu_ns, rss_kb;

	if (r->ended) {
		duration_ns = greater(duration_ns, r->duration_ns);
		if (r->cpu_ns != CPU_UNKNOWN) {
			cpu_ns = greater(cpu_ns, r->cpu_ns);
			rss_kb = greater(rss_kb, r->max_rss_kb);
		}
	}
	if (!last)
		return;
	run(to_peaks, 4, (s64)block, (s64)duration_ns, (s64)cpu_ns, (s64)rss_kb);
	duration_ns = cpu_ns = rss_kb = 0;
}

/* What blocks tell of the end of a row that is in the file. */
static void note_end(u32 block, int status, u64 duration_ns, u64 cpu_ns, u32 max_rss_kb)
{
	if (cpu_ns == CPU_UNKNOWN)
		cpu_ns = 0;
	note_failure(block, status);
	if (duration_ns >> 30 || cpu_ns >> 30 || max_rss_kb >> 18)
		run(to_peaks, 4, (s64)block, (s64)duration_ns, (s64)cpu_ns, (s64)max_rss_kb);
}

static void flush(u32 seen)
{
	for (u32 i = 0; i < waiting; i++) {
		struct row *r = &rows[i];
		u32 id = first + i, block = id >> 10;

		for (int n = 9; n <= 13; n++)
			sqlite3_bind_null(to_image, n);
		if (r->parent)
			sqlite3_bind_int64(to_image, 9, r->parent);
		if (r->ended) {
			sqlite3_bind_int64(to_image, 10, r->status);
			sqlite3_bind_int64(to_image, 11, r->duration_ns);
			if (r->cpu_ns != CPU_UNKNOWN) {
				sqlite3_bind_int64(to_image, 12, r->cpu_ns);
				sqlite3_bind_int64(to_image, 13, r->max_rss_kb);
			}
		}
		run(to_image, 8, (s64)id, (s64)r->boot_ns, (s64)r->pid, (s64)r->ppid,
		    (s64)r->start.uid, (s64)r->start.origin, (s64)r->start.program,
		    (s64)r->start.command);
		note_block(to_pids, &pid_stamp[r->pid >> 5], r->pid >> 5, block);
		note_block(to_ppids, &ppid_stamp[r->ppid >> 5], r->ppid >> 5, block);
		if (r->ended)
			note_failure(block, r->status);
		note_peaks(block, r, i + 1 == waiting || (id + 1) >> 10 != block);
		note_block(to_origins, &entry_stamp[r->start.origin], r->start.origin, block);
		note_block(to_programs, &entry_stamp[r->start.program], r->start.program, block);
	}
	first += waiting;
	waiting = 0;
	run(to_segment, 7, (s64)first_row, (s64)first - 1, (s64)0, (s64)begin_ns, (s64)last_ns,
	    (s64)first_entry, (s64)next_entry - 1);
	run(to_run, 2, (s64)seen, (s64)seen);
	if (first - first_row > ROWS || next_entry - first_entry >= ENTRIES_MAX) {
		generation++; /* which empties the dictionary */
		first_row = first;
		first_entry = next_entry;
	}
}

static void exec(const struct exec_record *e)
{
	if (first + waiting == first_row)
		begin_ns = e->boot_ns;
	last_ns = e->boot_ns;
	rows[waiting] = (struct row){
		.boot_ns = e->boot_ns,
		.pid = e->pid,
		.ppid = e->ppid,
		.start = *start_of(e),
		.parent = e->parent_boot_ns ? *image(e->parent_boot_ns, e->parent_pid) : 0,
	};
	*image(e->boot_ns, e->pid) = first + waiting++;
}

static void end(const struct end_record *e)
{
	u32 id = *image(e->image_boot_ns, e->image_pid);
	u64 duration_ns = e->boot_ns - e->image_boot_ns;

	if (id >= first) {
		rows[id - first].ended = 1;
		rows[id - first].status = e->status;
		rows[id - first].duration_ns = duration_ns;
		rows[id - first].cpu_ns = e->cpu_ns;
		rows[id - first].max_rss_kb = e->max_rss_kb;
	} else if (id) {
		run(to_end, 5, (s64)(int)e->status, (s64)duration_ns, (s64)e->cpu_ns,
		    (s64)e->max_rss_kb, (s64)id);
		note_end(id >> 10, e->status, duration_ns, e->cpu_ns, e->max_rss_kb);
	}
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement;

	check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
	return statement;
}

static void prepare_all(void)
{
	to_origin =
		prepare("INSERT INTO origin (id, uid, euid, gid, loginuid, sessionid, tty, message,"
	                " cwd, cgroup, config_generation, cwd_deleted, pid_ns, mnt_ns,"
	                " user_ns)"
	                " VALUES (?, ?, ?, ?, nullif(?, 4294967295), nullif(?, 4294967295),"
	                " ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0), nullif(?, 0))");
	to_program = prepare("INSERT INTO program (id, exe_inode, exe_deleted, filename, comm, exe,"
	                     " exe_device) VALUES (?, nullif(?, 0), ?, ?, ?, ?, ?)");
	to_argument = prepare("INSERT INTO argument (id, text) VALUES (?, ?)");
	to_command = prepare("INSERT INTO command (id, program_id, argc, truncated, arguments)"
	                     " VALUES (?, ?, ?, ?, ?)");
	to_image = prepare("INSERT INTO image (id, time_ns, pid, ppid, uid, origin_id, program_id,"
	                   " command_id, parent_id, status, duration_ns, cpu_ns, max_rss_kb)"
	                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	to_end = prepare("UPDATE image SET status = ?, duration_ns = ?, cpu_ns = nullif(?, -1),"
	                 " max_rss_kb = ? WHERE id = ? AND status IS NULL AND errno IS NULL");
	to_segment = prepare("REPLACE INTO segment (run_id, first_id, last_id, offset_ns,"
	                     " first_boot_ns, last_boot_ns, first_entry_id, last_entry_id)"
	                     " VALUES (1, ?, ?, ?, ?, ?, ?, ?)");
	to_pids = prepare("INSERT OR IGNORE INTO pid_block VALUES (?, ?)");
	to_origins = prepare("INSERT OR IGNORE INTO origin_block VALUES (?, ?)");
	to_programs = prepare("INSERT OR IGNORE INTO program_block VALUES (?, ?)");
	to_ppids = prepare("INSERT OR IGNORE INTO ppid_block VALUES (?, ?)");
	to_failures = prepare("INSERT INTO failure_block (failure, block, count) VALUES (?, ?, 1)"
	                      " ON CONFLICT (block, failure) DO UPDATE SET count = count + 1");
	to_peaks =
		prepare("INSERT INTO peak_block VALUES (?, ?, ?, ?) ON CONFLICT (block) DO UPDATE"
	                " SET duration_ns = max(duration_ns, excluded.duration_ns),"
	                " cpu_ns = max(cpu_ns, excluded.cpu_ns),"
	                " max_rss_kb = max(max_rss_kb, excluded.max_rss_kb)");
	to_run = prepare("UPDATE run SET seen = ?, stored = ? WHERE id = 1");
}

int main(int argc, char **argv)
{
	struct stat status;
	struct timespec begun, used;
	int file = argc == 3 ? open(argv[1], O_RDONLY) : -1;

	check(file >= 0 && !fstat(file, &status));
	const char *at = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	const char *over = at + status.st_size;
	images = calloc(SLOTS, sizeof(*images));
	entry_stamp = calloc(SLOTS, sizeof(*entry_stamp));
	check(at != MAP_FAILED && images && entry_stamp);
	check(sqlite3_open(argv[2], &db) == SQLITE_OK);
	/* As store/file/database.py has them. */
	sqlite3_exec(db,
	             "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1000;"
	             "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 8000;"
	             "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF",
	             NULL, NULL, NULL);
	prepare_all();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
	while (at < over) {
		sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		for (int n = 0; n < BATCH && at < over; n++) {
			u32 size;

			memcpy(&size, at, sizeof(size));
			at += sizeof(size);
			if (((const struct end_record *)at)->kind == KIND_END)
				end((const struct end_record *)at);
			else
				exec((const struct exec_record *)at);
			at += size;
		}
		flush(first + waiting - 1);
		check(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	printf("%lld\n",
	       (used.tv_sec - begun.tv_sec) * 1000000000LL + used.tv_nsec - begun.tv_nsec);
	return 0;
}
