"""The chapter's program, for comparison: a kprobe on the entry of execve and its two maps.

Runs under the distribution's Python, which has BCC; imports nothing of execdb. Prints `ready`,
then one JSON line `[pid, uid, command, message]` for each call, until it is told to end.
"""

import ctypes
import json
import signal
import struct
import sys

from bcc import BPF

PROGRAM = r"""
struct greeting { char message[12]; };
struct call { u32 pid; u32 uid; char command[16]; char message[12]; };

BPF_HASH(config, u32, struct greeting);
BPF_PERF_OUTPUT(output);

int greet(void *ctx)
{
	struct greeting otherwise = {"Hello World"};
	struct call call = {};
	struct greeting *found;

	call.pid = bpf_get_current_pid_tgid() >> 32;
	call.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(call.command, sizeof(call.command));
	found = config.lookup(&call.uid);
	if (!found)
		found = &otherwise;
	bpf_probe_read_kernel(call.message, sizeof(call.message), found->message);
	output.perf_submit(ctx, &call, sizeof(call));
	return 0;
}
"""
CALL = struct.Struct("II16s12s")
stopped = []


def text(raw):
    return raw.split(b"\0")[0].decode(errors="surrogateescape")


def main():
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    bpf = BPF(text=PROGRAM)
    config = bpf["config"]
    for uid, message in ((0, b"Hey root!"), (501, b"Hi user 501!")):
        config[config.Key(uid)] = config.Leaf(message)
    bpf.attach_kprobe(event=bpf.get_syscall_fnname("execve"), fn_name="greet")

    def show(cpu, data, size):
        pid, uid, command, message = CALL.unpack(ctypes.string_at(data, CALL.size))
        print(json.dumps([pid, uid, text(command), text(message)]), flush=True)

    bpf["output"].open_perf_buffer(show, page_cnt=64, lost_cb=lambda *_: sys.exit("lost calls"))
    print("ready", flush=True)
    while not stopped:
        bpf.perf_buffer_poll(timeout=100)
    bpf.perf_buffer_poll(timeout=0)


main()
