"""The program at the root of a live replay, by which a history recognises one."""

ROOT_PROGRAM = "/.execdb-replay/execdb-replay"
