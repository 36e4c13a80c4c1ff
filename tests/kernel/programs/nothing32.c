/* `nothing` for a 32-bit x86 machine: ends with status 7. */
void _start(void)
{
	__asm__ volatile("mov $1, %eax; mov $7, %ebx; int $0x80");
}
