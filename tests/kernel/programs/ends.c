/* ends HOW: ends in one particular way. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *last_thread(void *unused)
{
	usleep(50000); /* the leader is gone by now */
	syscall(SYS_exit, 9);
	return unused;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	struct rlimit no_core = {0, 0};
	pthread_t thread;

	setrlimit(RLIMIT_CORE, &no_core);
	if (!strcmp(how, "exit3"))
		exit(3);
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "segv"))
		*(volatile int *)8 = 1;
	if (!strcmp(how, "leader")) { /* the leader ends first: its status is the process's */
		pthread_create(&thread, NULL, last_thread, NULL);
		syscall(SYS_exit, 5);
	}
	if (!strcmp(how, "thread")) { /* another thread ends the whole process */
		if (!fork()) {
			pthread_create(&thread, NULL, (void *(*)(void *))exit, (void *)7);
			for (;;)
				pause();
		}
	}
	return 0;
}
