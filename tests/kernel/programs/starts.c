/* starts CASE PROGRAM: starts PROGRAM in one particular way and waits for it. Prints what the program
 * itself cannot know: `child PID`, its pid in the initial PID namespace. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

#include "exec_calls.h"

static int child(void *body)
{
	((void (*)(void))body)();
	fprintf(stderr, "exec: %s\n", strerror(errno));
	_exit(127);
}

static void await(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, __WALL) != pid || status)
		exit(4);
}

static void say_child(pid_t pid)
{
	printf("child %d\n", pid);
	fflush(stdout);
}

static pid_t new_child(int flags, void (*body)(void))
{
	static char stack[1 << 16] __attribute__((aligned(16)));

	return clone(child, stack + sizeof(stack), flags | SIGCHLD, body);
}

static void in_pid_namespace(void)
{
	pid_t pid = new_child(CLONE_NEWPID, by_execve);

	say_child(pid);
	await(pid);
}

static int gate[2];

static void as_root_within(void)
{
	char go;

	if (read(gate[0], &go, 1) != 1 || setuid(0))
		_exit(5);
	by_execve();
}

static void in_user_namespace(void)
{
	char path[64];
	int map;
	pid_t pid;

	if (pipe(gate))
		exit(3);
	pid = new_child(CLONE_NEWUSER, as_root_within);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	map = open(path, O_WRONLY);
	if (write(map, "0 501 1\n", 8) != 8 || write(gate[1], "", 1) != 1)
		exit(3);
	say_child(pid);
	await(pid);
}

static void by_spawn(void)
{
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, arguments, environ))
		exit(3);
	await(pid);
}

static void by_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execve(program, arguments, environ);
		_exit(127);
	}
	await(pid);
}

static void by_clone(void)
{
	await(new_child(CLONE_VM | CLONE_VFORK, by_execve));
}

static void with_dead_parent(void)
{
	int done[2];
	char end;

	if (pipe(done))
		exit(3);
	if (!fork()) {
		if (!fork()) {
			while (getppid() != 1)
				usleep(100);
			by_execve();
		}
		_exit(0);
	}
	wait(NULL);
	close(done[1]);
	if (read(done[0], &end, 1)) /* ends when the last writer has ended */
		exit(3);
}

/* clang-format off: one case a line */
static const struct {
	const char *name;
	void (*run)(void);
	int forks; /* whether main must fork; otherwise the case makes its own child */
} cases[] = {
	{"execve", by_execve, 0},        {"fork", by_execve, 1},
	{"execveat", by_execveat, 1},    {"directory", by_directory, 1},
	{"fexecve", by_fexecve, 1},      {"memfd", by_memfd, 1},
	{"spawn", by_spawn, 0},          {"vfork", by_vfork, 0},
	{"clone", by_clone, 0},          {"thread", by_thread, 1},
	{"two", by_two_execs, 1},        {"argc0", with_no_arguments, 1},
	{"check", after_a_check, 1},     {"cold", with_cold_strings, 1},
	{"pidns", in_pid_namespace, 0},  {"userns", in_user_namespace, 0},
	{"orphan", with_dead_parent, 0},
};
/* clang-format on */

int main(int argc, char **argv)
{
	program = argc > 2 ? argv[2] : "";
	for (size_t i = 0; argc > 2 && i < sizeof(cases) / sizeof(*cases); i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		if (cases[i].forks) {
			pid_t pid = fork();

			if (!pid)
				child(cases[i].run);
			await(pid);
		} else {
			cases[i].run();
		}
		return 0;
	}
	fprintf(stderr, "no such case\n");
	return 2;
}
