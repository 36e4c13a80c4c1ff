"""The files that stubs need: where a program really was, and what cannot be there."""

from execdb.livereplay.paths import Paths
from execdb.livereplay.tape.tape import DATA
from execdb.store.event import Event
from tests.livereplay.histories import prepared, some


def paths_of(*rows: Event) -> Paths:
    return prepared(rows)[0].paths


def test_a_program_is_where_it_was_and_its_name_is_a_link() -> None:
    made = paths_of(some(1, "sh", filename="/bin/sh", exe="/usr/bin/dash"))
    assert made.links == {b"bin/sh": b"usr/bin/dash"}
    assert made.programs[b"usr/bin/dash"] is None
    assert b"usr/bin" in made.folders


def test_of_a_script_the_interpreter_is_the_link() -> None:
    row = some(1, filename="/run", comm="run", argv=("/bin/sh", "/run"), exe="/usr/bin/dash")
    made, _, _ = prepared([row])
    assert made.paths.programs[b"run"] == b"#!/bin/sh\n"
    assert made.paths.links == {b"bin/sh": b"usr/bin/dash"}
    assert not made.emitter.inexact


def test_a_name_that_was_two_files_is_the_first_one_and_the_other_is_counted() -> None:
    rows = [some(1, "sh", exe="/bin/dash"), some(2, "sh", exe="/bin/bash"), some(3, "sh")]
    made, _, _ = prepared(rows)
    assert made.paths.links == {b"usr/bin/sh": b"bin/dash"}
    assert made.emitter.inexact == {"exe": 1}


def test_links_lead_to_no_link_and_no_folder() -> None:
    rows = [
        some(1, "a", exe="/usr/bin/b"),
        some(2, "b", exe="/usr/bin/a"),
        some(3, "c", exe="/usr/bin"),
        some(4, "d", exe="/../.execdb-replay/execdb-replay"),
        some(5, "e", exe="relative"),
    ]
    made, _, _ = prepared(rows)
    assert made.paths.links == {}
    assert made.emitter.inexact == {"exe": 5}


def test_a_memfd_keeps_its_whole_name() -> None:
    name = "memfd:longer than a task's name"
    row = some(1, filename="/dev/fd/3", comm=name[:15], exe=name, exe_deleted=True)
    made, calls, memory = prepared([row])
    assert "memfd_create" in [call.name for call in calls]
    assert name.removeprefix("memfd:").encode() + b"\0" in bytes(memory.parts[DATA])
    assert not made.emitter.inexact


def test_what_was_deleted_or_in_namespaces_is_counted() -> None:
    rows = [
        some(1, "a", exe="/usr/bin/a", exe_deleted=True),
        some(2, "a", cwd_deleted=True),
        some(3, "a", mnt_ns=23),
    ]
    assert prepared(rows)[0].emitter.inexact == {
        "exe that was deleted": 1, "directory that was deleted": 1, "namespaces": 1,
    }  # fmt: skip


def test_a_process_moves_to_its_control_group_as_root_before_it_becomes_somebody() -> None:
    rows = [
        some(1, "sh", cgroup="/", duration_ns=9_000_000),
        some(
            2, "a", parent=1, ppid=1001, uid=33, euid=33, cgroup="/docker/x", duration_ns=5_000_000
        ),
        some(3, "b", parent=2, ppid=1002, uid=33, euid=33, cgroup=None),
        some(4, "c", parent=2, ppid=1002, uid=33, euid=33, cgroup="/docker/y"),
    ]
    made, calls, memory = prepared(rows, cgroups=True)
    assert made.paths.groups == {b"", b"docker/x", b"docker/y"}
    data = bytes(memory.parts[DATA])
    for group in (b"x", b"y"):
        assert data.count(b"/.execdb-replay/cgroup/docker/%s/cgroup.threads\0" % group) == 1
    became = [call.arguments[0] for call in calls if call.name in ("setresuid", "openat")]
    assert [number for number in became if number < 2**32] == [33, 0, 33]
    assert not made.emitter.inexact


def test_groups_that_cannot_be_made_are_counted() -> None:
    told = (None, "/.../deep", "/a/../b", "/a/", "a", "/" + "a" * 256, "/a" * 13, "/\udcff")
    rows = [some(n, "a", cgroup=cgroup) for n, cgroup in enumerate(told)]
    made, calls, _ = prepared(rows, cgroups=True)
    assert made.paths.groups == set()
    assert made.emitter.inexact == {"cgroup": len(told) - 1}
    assert "openat" not in {call.name for call in calls}
    assert prepared([some(1, "a", cgroup="/a")])[0].emitter.inexact == {"cgroup": 1}
