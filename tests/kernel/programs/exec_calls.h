/* The ways in which starts.c lets a process become PROGRAM. Included by starts.c. */

extern char **environ;
static char *program;
static char *arguments[] = {"given", "a b", NULL};

static int open_program(void)
{
	return open(program, O_RDONLY | O_CLOEXEC);
}

static void by_execve(void)
{
	execve(program, arguments, environ);
}

static void by_execveat(void)
{
	syscall(SYS_execveat, AT_FDCWD, program, arguments, environ, 0);
}

static void by_directory(void)
{
	char *slash = strrchr(program, '/');
	int directory;

	*slash = 0;
	directory = open(program, O_PATH | O_DIRECTORY);
	syscall(SYS_execveat, directory, slash + 1, arguments, environ, 0);
}

static void by_fexecve(void)
{
	syscall(SYS_execveat, open_program(), "", arguments, environ, AT_EMPTY_PATH);
}

static void by_memfd(void)
{
	int from = open_program(), to = memfd_create("in memory", MFD_CLOEXEC);
	char block[65536];
	ssize_t length;

	while ((length = read(from, block, sizeof(block))) > 0)
		if (write(to, block, length) != length)
			exit(3);
	syscall(SYS_execveat, to, "", arguments, environ, AT_EMPTY_PATH);
}

static void *thread_body(void *unused)
{
	by_execve();
	return unused;
}

static void by_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_body, NULL);
	pthread_join(thread, NULL);
}

static void by_two_execs(void)
{
	char *again[] = {"/proc/self/exe", "execve", program, NULL};

	execve("/proc/self/exe", again, environ);
}

static void with_no_arguments(void)
{
	char *none[] = {NULL};

	execve(program, none, environ);
}

static void after_a_check(void)
{
	if (syscall(SYS_execveat, AT_FDCWD, program, arguments, environ, AT_EXECVE_CHECK))
		printf("check %s\n", errno == EINVAL ? "unknown to this kernel" : strerror(errno));
	fflush(stdout);
	by_execve();
}

/* The strings lie in pages of a file that nobody has touched yet. */
static void with_cold_strings(void)
{
	char path[] = "/tmp/execdb-cold-XXXXXX";
	int file = mkstemp(path);
	char *cold, *args[] = {"given", NULL, NULL};

	if (file < 0 || ftruncate(file, 8192) || pwrite(file, "cold", 5, 4096) != 5)
		exit(3);
	fsync(file);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	unlink(path);
	cold = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, file, 0);
	args[1] = cold + 4096;
	execve(program, args, environ);
}
