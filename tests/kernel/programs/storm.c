/* storm PROGRAM COUNT [same | BYTES]: starts PROGRAM COUNT times, one after the other, as fast as it
 * can, and prints how long that took, by the clock and in CPU time of all of it, in nanoseconds. The
 * child's argv[1] is its number, padded with spaces to so many bytes, or "same". */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long cpu_ns(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000LL +
	       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000LL;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0;
	int same = argc > 3 && !strcmp(argv[3], "same");
	int bytes = argc > 3 ? atoi(argv[3]) : 0;
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 0; i < count; i++) {
		char number[4096];
		char *args[] = {argv[1], number, NULL};
		pid_t pid;

		if (same)
			strcpy(number, "same");
		else
			snprintf(number, sizeof(number), "%*ld", bytes, i);
		if (posix_spawn(&pid, argv[1], NULL, NULL, args, environ))
			return 1;
		if (waitpid(pid, NULL, 0) != pid)
			return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lld %lld\n",
	       (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec,
	       cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN));
	return 0;
}
