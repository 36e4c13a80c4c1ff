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

/* The name that the kernel gives to such a file is printed: /dev/fd/N/NAME. */
static void try_from_directory(char **args)
{
	int directory = fcntl(open("/etc", O_PATH), F_DUPFD, 123);
	int file = open("/etc/passwd", O_RDONLY);

	syscall(SYS_execveat, directory, "missing", args, environ, 0);
	printf("/dev/fd/%d/missing %s\n", directory, strerrorname_np(errno));
	syscall(SYS_execveat, directory, "/missing", args, environ, 0);
	printf("/missing %s\n", strerrorname_np(errno));
	syscall(SYS_execveat, file, "", args, environ, AT_EMPTY_PATH);
	printf("/dev/fd/%d %s\n", file, strerrorname_np(errno));
	syscall(SYS_execveat, -1, "missing", args, environ, 0);
	printf("/dev/fd/-1/missing %s\n", strerrorname_np(errno));
}

static void *run(void *folder)
{
	char *plain[] = {"plain", "an argument", "", NULL};
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
	try_from_directory(plain);
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
