/* folders PROGRAM MILLISECONDS BYTES: starts PROGRAM as fast as it can for that time, each time in a
 * new folder whose name has so many bytes, at most 250. Prints how often. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	long until_ms = now_ms() + atol(argv[2]), bytes = atol(argv[3]), count = 0;
	char name[256], *args[] = {"folders", NULL}, *none[] = {NULL};
	pid_t pid;

	while (now_ms() < until_ms) {
		int length = sprintf(name, "%d-%ld-", getpid(), count);

		if (length < bytes) {
			memset(name + length, 'a', bytes - length);
			name[bytes] = 0;
		}
		if (mkdir(name, 0755) || chdir(name))
			return 1;
		if (posix_spawn(&pid, argv[1], NULL, NULL, args, none))
			return 2;
		if (waitpid(pid, NULL, 0) != pid || chdir("..") || rmdir(name))
			return 3;
		count++;
	}
	printf("%ld\n", count);
	return 0;
}
