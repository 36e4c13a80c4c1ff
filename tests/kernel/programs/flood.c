/* flood PROGRAM MILLISECONDS BYTES [PATH_BYTES]: starts PROGRAM as fast as it can for that time, with one
 * argument of that length that was never there before, and its path made longer by slashes. Prints
 * how often. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	long bytes = atol(argv[3]), slashes = argc > 4 ? atol(argv[4]) : 0, count = 0;
	long until_ms = now_ms() + atol(argv[2]);
	char *argument = calloc(1, bytes + 64), *path = calloc(1, slashes + strlen(argv[1]) + 1);
	char *args[] = {"flood", argument, NULL}, *none[] = {NULL};
	pid_t pid;

	memset(path, '/', slashes);
	strcat(path, argv[1]);
	while (now_ms() < until_ms) {
		int length = sprintf(argument, "%d-%ld-", getpid(), count);

		if (length < bytes)
			memset(argument + length, 'a', bytes - length);
		if (posix_spawn(&pid, path, NULL, NULL, args, none))
			return 1;
		if (waitpid(pid, NULL, 0) != pid)
			return 2;
		count++;
	}
	printf("%ld\n", count);
	return 0;
}
