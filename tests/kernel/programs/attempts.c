/* attempts [thread]: calls execve in ways that fail, as a caller of a known name, and prints
 * what it got: `errno` a line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void try(const char *path, char **args)
{
	execve(path, args, environ);
	printf("%s %s\n", path, strerrorname_np(errno));
}

static void *run(void *folder)
{
	char *plain[] = {"plain", "an argument", NULL};
	static char huge[200000];
	char *too_big[] = {"too big", huge, NULL};

	prctl(PR_SET_NAME, "caller\xff");
	if (chdir(folder))
		exit(3);
	try("./missing", plain);
	try("./not-executable", plain);
	try("./no-format", plain);
	try("./not-executable/below", plain);
	memset(huge, 'x', sizeof(huge) - 1);
	try("/bin/true", too_big);
	try("/bin/true", (char **)16);
	syscall(SYS_execveat, AT_FDCWD, "./missing-at", plain, environ, 0);
	printf("./missing-at %s\n", strerrorname_np(errno));
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc > 2) {
		pthread_create(&thread, NULL, run, argv[1]);
		pthread_join(thread, NULL);
	} else if (argc > 1) {
		run(argv[1]);
	}
	return 0;
}
