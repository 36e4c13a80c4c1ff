"""The same made-up events as auditd would have logged them. Pure."""

from collections.abc import Iterator

from tests.bench.workloads.synthetic import month


def audit_log(events: int, latest: int) -> Iterator[str]:
    """The five records of each of the latest so many, as auditd 3 writes them (raw)."""
    first = events - latest
    number = 0
    for execs, _ in month(events):
        for event in execs:
            number += 1
            if number <= first:
                continue
            command, creds = event.command, event.creds
            seconds, rest_ns = divmod(event.time_ns, 10**9)
            stamp = f"msg=audit({seconds}.{rest_ns // 10**6:03d}:{number}):"
            login = 4294967295 if creds.loginuid is None else creds.loginuid
            ids = " ".join(f"{key}={creds.uid}" for key in ("uid", "gid", "euid", "suid", "fsuid"))
            arguments = " ".join(f'a{n}="{text}"' for n, text in enumerate(command.argv))
            title = "\0".join(command.argv).encode()[:128].hex().upper()
            yield (
                f"type=SYSCALL {stamp} arch=c000003e syscall=59 success=yes exit=0 a0=55d0c0de "
                f"a1=55d0c1de a2=55d0c2de a3=8 items=2 ppid={event.ppid} pid={event.pid} "
                f"auid={login} {ids} egid={creds.gid} sgid={creds.gid} fsgid={creds.gid} tty=pts0 "
                f'ses=1 comm="{command.comm}" exe="{command.filename}" key="exec"\n'
                f"type=EXECVE {stamp} argc={command.argc} {arguments}\n"
                f'type=CWD {stamp} cwd="{event.place.cwd}"\n'
                f'type=PATH {stamp} item=0 name="{command.filename}" inode=1310 dev=fe:00 '
                "mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 "
                "cap_fe=0 cap_fver=0 cap_frootid=0\n"
                f"type=PROCTITLE {stamp} proctitle={title}\n"
            )
