/* attempts32: a 32-bit caller of execve. Fails once (./missing), then becomes /bin/true. */
static int call(int number, const void *first, const void *second, const void *third)
{
	int result;

	__asm__ volatile("int $0x80"
	                 : "=a"(result)
	                 : "a"(number), "b"(first), "c"(second), "d"(third)
	                 : "memory");
	return result;
}

void _start(void)
{
	const char *arguments[] = {"thirty-two", "an argument", 0};

	call(11, "./missing", arguments, 0); /* __NR_execve */
	call(11, "/bin/true", arguments, 0);
	call(1, (void *)9, 0, 0); /* __NR_exit */
}
