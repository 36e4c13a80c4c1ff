/* calls MODE COUNT FILE: execve in ways that recorders overlook.
 *
 * behind: COUNT processes, each with a thread that is not the leader and whose execve of FILE fails
 *         behind the point of no return, which ends them.
 * block:  COUNT threads that stay within execve, since their file (FILE and a number) has a lease.
 *         Says "blocked" once all are; ends when its stdin does.
 * refuse: execve of FILE, COUNT times, under a filter of seccomp that refuses it.
 * race:   COUNT processes, in each of which two threads call execve of FILE at the same time.
 * deep:   execve of FILE from a directory COUNT names of 255 bytes below this one, its path made longer
 *         by 2,000 slashes, with 100,000 bytes of arguments. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASES 23

extern char **environ;
static char *file;
static pthread_barrier_t barrier;

static void *call(void *path)
{
	char *args[] = {path, NULL};

	execve(path, args, environ);
	return NULL;
}

static void *call_together(void *path)
{
	pthread_barrier_wait(&barrier);
	return call(path);
}

static pthread_t start(void *(*run)(void *), char *path)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	if (pthread_create(&thread, &attributes, run, path))
		exit(3);
	return thread;
}

static void behind(void)
{
	pthread_join(start(call, file), NULL);
}

static void race(void)
{
	pthread_barrier_init(&barrier, NULL, 2);
	start(call_together, file);
	call_together(file);
	pause();
}

static void in_children(long count, void (*run)(void))
{
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid) {
			run();
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
}

static void block(long count)
{
	static char paths[LEASES][4096];
	char end;
	pid_t pid;

	signal(SIGIO, SIG_IGN);
	for (int i = 0; i < LEASES; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s%d", file, i);
		if (fcntl(open(paths[i], O_RDWR | O_CREAT, 0700), F_SETLEASE, F_WRLCK))
			exit(4);
	}
	pid = fork();
	if (!pid) {
		close_range(3, ~0U, 0);
		for (long i = 0; i < count; i++)
			start(call, paths[i % LEASES]);
		sleep(1);
		puts("blocked");
		fflush(stdout);
		for (;;)
			pause();
	}
	while (read(0, &end, 1) > 0)
		;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void refuse(long count)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, filter};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		exit(5);
	while (count--)
		call(file);
}

static void deep(long count)
{
	static char path[6000], argument[100001];
	char name[256], *args[] = {"deep", argument, NULL};

	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%0255ld", i);
		mkdir(name, 0700);
		if (chdir(name))
			exit(6);
	}
	memset(path, '/', 2000);
	strcat(path, file);
	memset(argument, 'a', sizeof(argument) - 1);
	execve(path, args, environ);
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	long count = atol(argv[2]);

	setrlimit(RLIMIT_CORE, &none);
	file = argv[3];
	if (!strcmp(argv[1], "behind"))
		in_children(count, behind);
	else if (!strcmp(argv[1], "race"))
		in_children(count, race);
	else if (!strcmp(argv[1], "block"))
		block(count);
	else if (!strcmp(argv[1], "refuse"))
		refuse(count);
	else
		deep(count);
	return 0;
}
