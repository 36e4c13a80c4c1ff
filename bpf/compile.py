"""The loader child: compiles and loads the program with BCC, hands over descriptors, ends.

Runs as a script under whichever interpreter has the distribution's `bcc`; imports nothing
of execdb. This is the only file that imports `bcc`, which pulls in LLVM (about 120 MB) and may
end the process on a compile error: both stay here.

Socket: descriptor 0. In: one line of JSON, `{source, cflags, maps, programs, record}`. Out: one
line of JSON, `{version, file, layout}` with the descriptors of maps and programs, in that order,
as SCM_RIGHTS, or `{error, detail}`.
"""

import json
import os
import socket
import sys


def import_bcc():
    """The real BCC. Raises ImportError when there is none, AttributeError for PyPI's `bcc`."""
    import bcc

    path = getattr(bcc, "__file__", None) or next(iter(bcc.__path__))
    if not hasattr(bcc, "BPF"):
        raise AttributeError(path)
    if os.geteuid() == 0:
        refuse_unsafe(path)
    return bcc


def refuse_unsafe(path):
    """As root, code is taken only from folders that root alone can write to."""
    while True:
        info = os.stat(path)
        if info.st_uid != 0 or info.st_mode & 0o022:
            raise PermissionError(path)
        if path == "/":
            return
        path = os.path.dirname(path)


def layout_of(leaf):
    """[[name, offset, size], ...] of the record struct, as the compiled program has it."""
    record = dict(leaf._fields_)["exec"]
    return [
        [name, getattr(record, name).offset, getattr(record, name).size]
        for name, *_ in record._fields_
    ]


def load(bcc, request):
    """The reply, and the descriptors that go with it; no source only asks which BCC this is."""
    about = {"version": bcc.__version__, "file": bcc.__file__}
    if request["source"] is None:
        return about, []
    os.environ.pop("ARCH", None)  # it would change BCC's target
    os.chdir("/")  # BCC changes folders while compiling and fails in very long paths
    program = bcc.BPF(text=request["source"], cflags=request["cflags"])
    descriptors = [program[name].map_fd for name in request["maps"]]
    for name in request["programs"]:
        descriptors.append(program.load_func(name, bcc.BPF.RAW_TRACEPOINT).fd)
    # The program object must outlive the hand-over: it closes its descriptors with itself.
    keep.append(program)
    return {**about, "layout": layout_of(program[request["record"]].Leaf)}, descriptors


keep = []


def main():
    channel = socket.socket(fileno=0)
    request = json.loads(channel.makefile("rb").readline())
    try:
        reply, descriptors = load(import_bcc(), request)
    except ImportError as error:
        reply, descriptors = {"error": "no bcc", "detail": str(error)}, []
    except AttributeError as error:
        reply, descriptors = {"error": "wrong bcc", "detail": str(error)}, []
    except PermissionError as error:
        reply, descriptors = {"error": "unsafe bcc", "detail": str(error)}, []
    except Exception as error:  # whatever BCC raises becomes the parent's sentence
        reply, descriptors = {"error": "load", "detail": str(error) or repr(error)}, []
    socket.send_fds(channel, [json.dumps(reply).encode() + b"\n"], descriptors)


if __name__ == "__main__":
    sys.exit(main())
