/* threads PROGRAM COUNT: COUNT children, one after the other, each of which execs PROGRAM from a
 * thread that is not its leader. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *args[3];

static void *body(void *unused)
{
	execve(args[0], args, environ);
	_exit(127);
	return unused;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0;
	char number[24];

	args[0] = argv[1];
	args[1] = number;
	for (long i = 0; i < count; i++) {
		pthread_t thread;
		int status;
		pid_t pid;

		snprintf(number, sizeof(number), "%ld", i);
		pid = fork();
		if (!pid) {
			pthread_create(&thread, NULL, body, NULL);
			for (;;)
				pause();
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	return 0;
}
