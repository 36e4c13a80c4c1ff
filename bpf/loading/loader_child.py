"""The loader child: compiles and loads the programs with BCC, hands over descriptors, and ends.

It is run as a script by an interpreter that has the distribution's `bcc`, and imports nothing of
execdb. This is the only file that imports `bcc`, which loads LLVM (about 120 MB) and may end the
process on a compile error; the collector is spared both.

Descriptor 0 is a socket. It receives one line of JSON, the fields of `conversation.Request`. It
answers with one line of JSON: `{version, file, layout, tracepoints}`, with the descriptors of maps
and programs, in that order, as SCM_RIGHTS; or `{error, detail}`.
"""

import contextlib
import ctypes
import json
import os
import socket
import sys


def import_bcc():
    """The real BCC. Raises ImportError if there is none, AttributeError for PyPI's `bcc`,
    PermissionError for one that is not safe to import."""
    import bcc

    path = getattr(bcc, "__file__", None) or next(iter(bcc.__path__))
    if not hasattr(bcc, "BPF"):
        raise AttributeError(path)
    if os.geteuid() == 0:
        refuse_unsafe(path)
    return bcc


def refuse_unsafe(path):
    """Raises PermissionError if others than root can change this file: root must not run it."""
    while True:
        info = os.stat(path)
        if info.st_uid != 0 or info.st_mode & 0o022:
            raise PermissionError(path)
        if path == "/":
            return
        path = os.path.dirname(path)


def layout_of(record, *members):
    """[[name, offset, size], ...] of a map's value, or of a struct within it, in the compiled
    program."""
    for name in members:
        record = dict(record._fields_)[name]
    return [
        [name, getattr(record, name).offset, getattr(record, name).size]
        for name, *_ in record._fields_
    ]


def mount_for_itself(source, target, kind, flags):
    """mount(2), in a mount namespace that this process has for itself. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_private_all = 0x20000, 0x44000
    if (
        libc.unshare(clone_newns)
        or libc.mount(b"none", b"/", None, ms_private_all, None)
        or libc.mount(source, target, kind, flags, None)
    ):
        raise OSError(ctypes.get_errno(), f"cannot mount {target.decode()}")


def hide_symbols():
    """Empties /proc/kallsyms for this process, where it may. BCC reads all of it at each compile,
    to know whether the kernel has bpf_probe_read_kernel(), which our programs call by number: of
    0.33 s of CPU that BCC takes for a program of one line, this is 0.27 s."""
    ms_bind = 0x1000
    with contextlib.suppress(OSError):  # then it takes longer
        mount_for_itself(b"/dev/null", b"/proc/kallsyms", None, ms_bind)


def tracepoint_ids(names):
    """{name: number} from tracefs. If it is not mounted, it is mounted for this process alone."""
    if not names:
        return {}
    folder = "/sys/kernel/tracing"
    if not os.path.exists(folder + "/events"):
        mount_for_itself(b"tracefs", folder.encode(), b"tracefs", 0)
    ids = {}
    for name in names:
        with open(f"{folder}/events/{name}/id") as file:
            ids[name] = int(file.read())
    return ids


def load(bcc, request):
    """The reply, and the descriptors that go with it; without a source only which BCC this is."""
    about = {"version": bcc.__version__, "file": bcc.__file__}
    if request["source"] is None:
        return about, []
    os.environ.pop("ARCH", None)  # it would change BCC's target
    hide_symbols()
    os.chdir("/")  # BCC changes folders while compiling and fails in very long paths
    program = bcc.BPF(text=request["source"], cflags=request["cflags"])
    descriptors = [program[name].map_fd for name in request["maps"]]
    kinds = {
        "raw_tracepoint": bcc.BPF.RAW_TRACEPOINT,
        "tracepoint": bcc.BPF.TRACEPOINT,
        "kprobe": bcc.BPF.KPROBE,
        "kretprobe": bcc.BPF.KPROBE,
    }
    for name, kind in request["programs"].items():
        descriptors.append(program.load_func(name, kinds[kind]).fd)
    # The program object must outlive the hand-over: it closes its descriptors when it goes.
    keep.append(program)
    table, *members = request["record"]
    about["layout"] = layout_of(program[table].Leaf, *members)
    about["tracepoints"] = tracepoint_ids(request["tracepoints"])
    return about, descriptors


keep = []


def main():
    """Reads the request from descriptor 0 and answers it there, with descriptors or with what went
    wrong."""
    channel = socket.socket(fileno=0)
    bcc = refused = None
    try:
        bcc = import_bcc()  # takes about as long as writing the request
    except ImportError as error:
        refused = "no bcc", error
    except AttributeError as error:
        refused = "wrong bcc", error
    except PermissionError as error:
        refused = "unsafe bcc", error
    except Exception as error:
        refused = "load", error
    line = channel.makefile("rb").readline()  # read it even if there is no BCC to do it
    try:
        reply, descriptors = ({}, []) if refused else load(bcc, json.loads(line))
    except Exception as error:  # whatever BCC raises becomes the parent's sentence
        refused = "load", error
    if refused:
        kind, error = refused
        reply, descriptors = {"error": kind, "detail": str(error) or repr(error)}, []
    socket.send_fds(channel, [json.dumps(reply).encode() + b"\n"], descriptors)


if __name__ == "__main__":
    sys.exit(main())
