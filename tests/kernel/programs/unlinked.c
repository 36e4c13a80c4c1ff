/* unlinked CALL FILE ARGUMENT: runs FILE by a descriptor, after it has removed its name. Before that
 * it prints FILE's inode. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *arguments[] = {argv[2], argv[3], NULL};
	int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (argc != 4 || fd < 0 || unlink(argv[2]) || fstat(fd, &status) || status.st_nlink)
		return 2;
	printf("%llu\n", (unsigned long long)status.st_ino);
	fflush(stdout);
	if (!strcmp(argv[1], "fexecve"))
		fexecve(fd, arguments, environ);
	else
		syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
	return 3;
}
