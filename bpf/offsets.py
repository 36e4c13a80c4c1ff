"""The struct offsets of the running kernel that the programs need: from BTF, or a compiler."""

import os
import stat
from pathlib import Path

from execdb.bpf.arch import Arch
from execdb.bpf.btf import BTF, BTFError
from execdb.bpf.errors import KernelError

BTF_PATH = Path("/sys/kernel/btf/vmlinux")

# The name of an offset in the C code (without _OFFSET), and its struct and member.
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
    "TASK_THREAD_PID": ("task_struct", "thread_pid"),
    "TASK_THREAD_NODE": ("task_struct", "thread_node"),
    "TASK_NSPROXY": ("task_struct", "nsproxy"),
    "TASK_SE": ("task_struct", "se"),
    "SCHED_ENTITY_SUM_EXEC_RUNTIME": ("sched_entity", "sum_exec_runtime"),
    "SCHED_ENTITY_EXEC_START": ("sched_entity", "exec_start"),
    "SIGNAL_SUM_SCHED_RUNTIME": ("signal_struct", "sum_sched_runtime"),
    "SIGNAL_NR_THREADS": ("signal_struct", "nr_threads"),
    "SIGNAL_THREAD_HEAD": ("signal_struct", "thread_head"),
    "SIGNAL_MAXRSS": ("signal_struct", "maxrss"),
    "LIST_HEAD_NEXT": ("list_head", "next"),
    "PID_LEVEL": ("pid", "level"),
    "PID_NUMBERS": ("pid", "numbers"),
    "UPID_NR": ("upid", "nr"),
    "UPID_NS": ("upid", "ns"),
    "NSPROXY_MNT_NS": ("nsproxy", "mnt_ns"),
    "CRED_USER_NS": ("cred", "user_ns"),
    "PID_NAMESPACE_NS": ("pid_namespace", "ns"),
    "MNT_NAMESPACE_NS": ("mnt_namespace", "ns"),
    "USER_NAMESPACE_NS": ("user_namespace", "ns"),
    "NS_COMMON_INUM": ("ns_common", "inum"),
    "MM_EXE_FILE": ("mm_struct", "exe_file"),
    "FILE_F_PATH": ("file", "f_path"),
    "FILE_F_INODE": ("file", "f_inode"),
    "FILE_PRIVATE_DATA": ("file", "private_data"),
    "INODE_I_INO": ("inode", "i_ino"),
    "INODE_I_SB": ("inode", "i_sb"),
    "INODE_I_NLINK": ("inode", "i_nlink"),
    "INODE_I_DENTRY": ("inode", "i_dentry"),
    "SUPER_BLOCK_S_DEV": ("super_block", "s_dev"),
    "SUPER_BLOCK_S_MAGIC": ("super_block", "s_magic"),
    "DENTRY_D_INODE": ("dentry", "d_inode"),
    "DENTRY_D_U": ("dentry", "d_u"),
    "DENTRY_D_HASH": ("dentry", "d_hash"),
    "BL_NODE_PPREV": ("hlist_bl_node", "pprev"),
}
# Not in every kernel: the C code works without it, or the member has one of two names. The third
# value is the condition under which the kernel's headers have the member.
_OPTIONAL = {
    "TASK_LOGINUID": ("task_struct", "loginuid", "defined(CONFIG_AUDIT)"),
    "TASK_SESSIONID": ("task_struct", "sessionid", "defined(CONFIG_AUDIT)"),
    "KERNFS_PARENT": ("kernfs_node", "parent", "LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)"),
    "KERNFS_PARENT ": (
        "kernfs_node", "__parent", "LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)"
    ),
}  # fmt: skip


def read_btf(path: Path = BTF_PATH) -> BTF | None:
    """The running kernel's BTF, or a copy of it; None if there is no such file or an empty one. A
    pipe or a device, which might never end, is no such file. Raises KernelError."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            blob = file.read()
    except OSError:
        return None
    try:
        return BTF(blob) if blob else None
    except BTFError as error:
        raise KernelError(f"BTF at {path} is unusable: {error}") from error


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def from_btf(btf: BTF, kprobes: Arch | None = None) -> dict[str, int]:
    """Name -> offset in bytes of each member that the programs read, including the registers that
    kprobes need on the architecture `kprobes`. Raises KernelError."""
    try:
        found = {name: btf.offset(*member) for name, member in _members(kprobes).items()}
    except BTFError as error:
        raise KernelError(f"the kernel's BTF lacks what execdb reads: {error}") from error
    for name, (struct_name, member, _) in _OPTIONAL.items():
        try:
            found[name.strip()] = btf.offset(struct_name, member)
        except BTFError:
            continue
    return found


def question(kprobes: Arch | None = None) -> str:
    """The same question for a compiler: the end of a C program with a struct `offsets` that has one
    member for each offset, an array that is one byte longer than the offset."""
    asked = {name: (*member, "1") for name, member in _members(kprobes).items()} | _OPTIONAL
    constants, members = [], []
    for name, (struct_name, member, condition) in asked.items():
        offset = f"offsetof(struct {struct_name}, {member})"
        # BCC would describe the type of an expression within the brackets, but not of a constant.
        constants += [
            f"#if {condition}",
            f"enum {{ {name.strip()}_SIZE = {offset} + 1 }};",
            "#endif",
        ]
        members += [f"#if {condition}", f"char {name.strip()}[{name.strip()}_SIZE];", "#endif"]
    end = "BPF_ARRAY(answer, struct offsets, 1);"
    return "\n".join([*constants, "struct offsets {", *members, "};", end])


def flags(offsets: dict[str, int]) -> list[str]:
    """The compiler flags that define these offsets."""
    return [f"-D{name}_OFFSET={offset}" for name, offset in offsets.items()]


def _members(kprobes: Arch | None) -> dict[str, tuple[str, str]]:
    if kprobes is None or kprobes.native is None:
        return _MEMBERS
    registers = {"FIRST": kprobes.first, "RESULT": kprobes.result}
    for kind, entry in (("ARG", kprobes.native), ("COMPAT", kprobes.compat)):
        if entry:
            registers |= {f"{kind}{n}": r for n, r in enumerate(entry.arguments, 1)}
    return _MEMBERS | {f"REGS_{name}": ("pt_regs", r) for name, r in registers.items()}
