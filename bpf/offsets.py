"""What the programs must know of the running kernel's structs, as -D flags."""

from pathlib import Path

from execdb.bpf.btf import BTF, BTFError
from execdb.bpf.errors import KernelError

BTF_PATH = Path("/sys/kernel/btf/vmlinux")

# The name that the C code knows an offset by, and the struct and member it stands for.
_MEMBERS = {
    "TASK_PID": ("task_struct", "pid"),
    "TASK_TGID": ("task_struct", "tgid"),
    "TASK_REAL_PARENT": ("task_struct", "real_parent"),
    "TASK_GROUP_LEADER": ("task_struct", "group_leader"),
    "TASK_EXIT_CODE": ("task_struct", "exit_code"),
    "TASK_MM": ("task_struct", "mm"),
    "TASK_FS": ("task_struct", "fs"),
    "TASK_CRED": ("task_struct", "cred"),
    "TASK_SIGNAL": ("task_struct", "signal"),
    "TASK_CGROUPS": ("task_struct", "cgroups"),
    "SIGNAL_LIVE": ("signal_struct", "live"),
    "SIGNAL_FLAGS": ("signal_struct", "flags"),
    "SIGNAL_GROUP_EXIT_CODE": ("signal_struct", "group_exit_code"),
    "SIGNAL_TTY": ("signal_struct", "tty"),
    "TTY_NAME": ("tty_struct", "name"),
    "MM_ARG_START": ("mm_struct", "arg_start"),
    "MM_ARG_END": ("mm_struct", "arg_end"),
    "CRED_EUID": ("cred", "euid"),
    "BPRM_FILENAME": ("linux_binprm", "filename"),
    "BPRM_ARGC": ("linux_binprm", "argc"),
    "FS_PWD": ("fs_struct", "pwd"),
    "PATH_MNT": ("path", "mnt"),
    "PATH_DENTRY": ("path", "dentry"),
    "VFSMOUNT_MNT_ROOT": ("vfsmount", "mnt_root"),
    "MOUNT_MNT": ("mount", "mnt"),
    "MOUNT_MNT_PARENT": ("mount", "mnt_parent"),
    "MOUNT_MNT_MOUNTPOINT": ("mount", "mnt_mountpoint"),
    "DENTRY_D_PARENT": ("dentry", "d_parent"),
    "DENTRY_D_NAME": ("dentry", "d_name"),
    "QSTR_NAME": ("qstr", "name"),
    "CSS_SET_DFL_CGRP": ("css_set", "dfl_cgrp"),
    "CGROUP_KN": ("cgroup", "kn"),
    "KERNFS_NAME": ("kernfs_node", "name"),
}
# Not in every kernel; the C code does without, or one of two names serves.
_OPTIONAL = {
    "TASK_LOGINUID": ("task_struct", "loginuid"),  # CONFIG_AUDIT
    "TASK_SESSIONID": ("task_struct", "sessionid"),
    "KERNFS_PARENT": ("kernfs_node", "parent"),  # up to 6.14
    "KERNFS_PARENT ": ("kernfs_node", "__parent"),  # since 6.15
}
# Where the registers of a system call's caller are kept: arguments 1 to 3, and the result.
_REGISTERS = {
    "x86_64": ("di", "si", "dx", "ax"),
}
# Those of a 32-bit system call on the same kernel.
_COMPAT_REGISTERS = {"x86_64": ("bx", "cx", "dx")}


def read_btf() -> BTF:
    """The running kernel's BTF. Raises KernelError."""
    try:
        return BTF(BTF_PATH.read_bytes())
    except OSError as error:
        raise KernelError(
            f"no BTF at {BTF_PATH} ({error.strerror}): execdb needs a kernel built with "
            "CONFIG_DEBUG_INFO_BTF, as distributions' kernels are"
        ) from error
    except BTFError as error:
        raise KernelError(f"BTF at {BTF_PATH} is of no use: {error}") from error


def flags(btf: BTF) -> list[str]:
    """`-DNAME_OFFSET=N` for each member the programs read. Raises KernelError."""
    found = {}
    for name, member in _MEMBERS.items():
        try:
            found[name] = btf.offset(*member)
        except BTFError as error:
            raise KernelError(f"BTF at {BTF_PATH} lacks what execdb reads: {error}") from error
    for name, member in _OPTIONAL.items():
        offset = _offset_or_none(btf, *member)
        if offset is not None:
            found[name.strip()] = offset
    answer = [f"-D{name}_OFFSET={offset}" for name, offset in found.items()]
    if btf.parameters("btf_trace_sched_process_exit") == 3:  # the context, task, group_dead
        answer.append("-DEXIT_TELLS_GROUP_DEAD")
    return answer


def register_flags(btf: BTF, machine: str) -> list[str]:
    """The same for kprobes, which find a system call's arguments in `struct pt_regs`.
    Raises KernelError for a machine whose registers nobody has described."""
    if machine not in _REGISTERS:
        raise KernelError(f"--attempts through kprobes is not made for {machine} yet")
    *arguments, result = _REGISTERS[machine]
    named = {f"ARG{n}": register for n, register in enumerate(arguments, 1)}
    named |= {f"COMPAT{n}": r for n, r in enumerate(_COMPAT_REGISTERS.get(machine, ()), 1)}
    named["RESULT"] = result
    return [f"-DREGS_{n}_OFFSET={btf.offset('pt_regs', register)}" for n, register in named.items()]


def _offset_or_none(btf: BTF, struct_name: str, member: str) -> int | None:
    try:
        return btf.offset(struct_name, member)
    except BTFError:
        return None
