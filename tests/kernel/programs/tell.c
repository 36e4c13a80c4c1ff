/* tell [ARGUMENT...]: prints the truth about itself, for a test to compare with the record:
 * pid ppid uid euid gid argc, then each argument in hexadecimal. */
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	printf("%d %d %d %d %d %d", getpid(), getppid(), getuid(), geteuid(), getgid(), argc);
	for (int i = 0; i < argc; i++) {
		printf(" x");
		for (const char *c = argv[i]; *c; c++)
			printf("%02x", (unsigned char)*c);
	}
	printf("\n");
	return 0;
}
