/* sleepers COUNT BYTES: so many processes that sleep, and end with this one, which ends with its
 * stdin. Each has arguments of so many bytes (0: as they are), which cost it a page: any process
 * may make its /proc/PID/cmdline what it likes. Prints "ready" when all of them sleep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <linux/prctl.h>
#include <signal.h>
#include <unistd.h>

static char *long_arguments(size_t bytes)
{
	char *area = mmap(0, bytes + 4096, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		exit(1);
	if (bytes <= 1 << 20)
		memset(area, 0xff, bytes - 1);
	return area;
}

static void call_itself(char *area, size_t bytes)
{
	unsigned long value[53] = {0};
	char line[4096] = "", own[16], *field;
	FILE *stat = fopen("/proc/self/stat", "r");
	struct prctl_mm_map map = {0};
	int number = 3;

	if (!stat || !fgets(line, sizeof(line), stat))
		exit(1);
	fclose(stat);
	for (field = strtok(strrchr(line, ')') + 2, " "); field && number < 53;
	     field = strtok(0, " "))
		value[number++] = strtoul(field, 0, 10);
	memcpy(area, own, sprintf(own, "%d", getpid()));
	map.start_code = value[26], map.end_code = value[27], map.start_stack = value[28];
	map.start_data = value[45], map.end_data = value[46], map.start_brk = value[47];
	map.brk = (unsigned long)sbrk(0);
	map.arg_start = (unsigned long)area, map.arg_end = map.arg_start + bytes;
	map.env_start = map.arg_end, map.env_end = map.arg_end + 1;
	map.exe_fd = -1;
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0)) {
		perror("prctl");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int count = atoi(argv[1]), up[2], left;
	size_t bytes = strtoul(argv[2], 0, 10);
	char *area = bytes ? long_arguments(bytes) : 0, byte;

	if (pipe(up))
		return 1;
	for (left = count; left; left--) {
		switch (fork()) {
		case -1:
			perror("fork");
			return 1;
		case 0:
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (area)
				call_itself(area, bytes);
			if (write(up[1], "", 1) == 1)
				for (;;)
					pause();
			_exit(1);
		}
	}
	for (left = count; left; left--)
		if (read(up[0], &byte, 1) != 1)
			return 1;
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
