"""What a process in the sandbox may do: become other users, and the few calls of a tape.

After this only execve is left to be called: the process is about to become process 1's stub.
"""

import errno
import resource
import signal
import struct

from execdb.livereplay.sandbox import linux
from execdb.livereplay.tape.tape import NUMBERS

_CAP_SETGID, _CAP_SETUID = 6, 7
_CAPABILITIES = (_CAP_SETGID, _CAP_SETUID)
_CAP_LAST = 63
_CAPABILITY_VERSION_3 = 0x20080522
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT_RAISE = 2
_CAPSET = {"x86_64": 126, "aarch64": 91}
# seccomp(2); the opcodes are those of linux/filter.h.
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUALS, _HAS_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENT_AT = 0, 4, 16
_KILL, _ALLOW, _REFUSE = 0x8000_0000, 0x7FFF_0000, 0x0005_0000 | errno.EPERM
_SECCOMP_MODE_FILTER = 2
_NEW_NAMESPACES = (
    linux.CLONE_NEWNS | linux.CLONE_NEWCGROUP | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNET
)  # fmt: skip
_STACK_BYTES = 8 << 20, 64 << 20


def confine(machine: str, *, capabilities: bool = True) -> None:
    """Of this process and all that it will start. Without `capabilities` it keeps none."""
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):  # these are the C library's
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for children
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    linux.prctl(linux.PR_SET_TIMERSLACK, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_STACK, _STACK_BYTES)
    linux.prctl(linux.PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    # PR_SET_NO_NEW_PRIVS would take away an euid that is not the uid, before Linux 6.16. So the
    # filter comes while a process may set one without it.
    program = filter_program(machine)
    address, keep = linux.address_of(program)
    header, also = linux.address_of(struct.pack("<HxxxxxxQ", len(program) // 8, address))
    linux.prctl(linux.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header)
    del keep, also
    kept = _CAPABILITIES if capabilities else ()
    for number in range(_CAP_LAST + 1):
        if number not in kept:
            try:
                linux.prctl(linux.PR_CAPBSET_DROP, number)
            except OSError as error:  # EINVAL: this kernel has fewer
                if error.errno != errno.EINVAL:
                    raise
    low = sum(1 << number for number in kept)
    linux.capset(
        struct.pack("<II", _CAPABILITY_VERSION_3, 0), struct.pack("<6I", low, low, low, 0, 0, 0)
    )
    for number in kept:
        linux.prctl(linux.PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number)


def filter_program(machine: str) -> bytes:
    """For seccomp: the calls of tapes, without new namespaces; any other is refused."""
    numbers = NUMBERS[machine]
    allowed = sorted({*numbers.values(), _CAPSET[machine]} - {numbers["clone"]})
    program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUALS, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    count = len(allowed)
    for index, number in enumerate(allowed):  # equal: over the rest of these, to the last line
        program.append((_EQUALS, count - index + 3, 0, number))
    program += [
        (_EQUALS, 0, 2, numbers["clone"]),
        (_LOAD, 0, 0, _ARGUMENT_AT),
        (_HAS_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in program)
