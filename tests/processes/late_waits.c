/* Loaded before the C library: makes the moment before a wait long, and the wait endless.
 *
 * Once the file that EXECDB_TEST_LATE names is there, the main thread removes it at its next call
 * of the function that EXECDB_TEST_LATE_CALL names, and waits for a signal before it calls the
 * kernel: that signal does not interrupt the wait. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static int is_late(const char *call)
{
	const char *wanted = getenv("EXECDB_TEST_LATE_CALL");
	const struct timespec patience = {60, 0};

	if (!wanted || strcmp(call, wanted) || gettid() != getpid())
		return 0;
	if (unlink(getenv("EXECDB_TEST_LATE")))
		return 0;
	nanosleep(&patience, NULL);
	return 1;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int (*next)(struct pollfd *, nfds_t, int) = dlsym(RTLD_NEXT, "poll");

	return next(fds, count, timeout_ms && is_late("poll") ? -1 : timeout_ms);
}

int select(int count, fd_set *in, fd_set *out, fd_set *odd, struct timeval *timeout)
{
	int (*next)(int, fd_set *, fd_set *, fd_set *, struct timeval *) =
		dlsym(RTLD_NEXT, "select");

	return next(count, in, out, odd, is_late("select") ? NULL : timeout);
}
