"""Runs inside a guest: chooses the tests that run there, which expect the same as anywhere.

An emulated machine takes 10 to 40 s to start a recorder: most tests share one, and not all run.
IN lists what depends on the kernel's structs, hooks and maps. Terminals, the database, the loader
and its errors are the same on every kernel and are not in it; OUT lists exceptions.
"""

import os
import subprocess
import sys

IN = (
    "guest.py",  # the first: it begins while nothing is attached
    "recorded/test_starts.py",
    "recorded/test_arguments.py",
    "recorded/test_ends.py",
    "recorded/test_parents.py",
    "recorded/test_who.py",
    "recorded/test_executables.py",
    "recorded/test_containers.py",
    "recorded/test_costs.py",
    "recorded/test_attempts.py",
    "hostile/test_calls.py::test_calls_that_fail_late_leave_nothing_behind",
    "hostile/test_calls.py::test_a_call_that_fails_late_names_what_was_asked_for_and_who_asked",
    "collecting/test_collect.py::test_counts_what_a_full_ring_loses",
    "steering/test_config.py::test_unset_and_default",  # it changes what others expect
    "steering/test_rules_random.py",  # likewise
    "steering/test_rules.py::test_execs_beyond_a_limit_are_counted_for_their_user",
    "steering/test_rules.py::test_failed_attempts_obey_the_rules",
    "replayed/test_round_trip.py::test_a_history_of_many_kinds",
    "guest_faults.py",  # the last: it changes the machine
)
OUT = (
    # About rates and races, which differ in emulation; and long.
    "recorded/test_starts.py::test_exec_from_a_thread_2003_times",
    "recorded/test_ends.py::test_every_end_of_a_storm_finds_its_row",
    "recorded/test_parents.py::test_parents_are_right_when_pids_are_reused",
    # Programs that take next to no CPU time, which here takes seconds.
    "recorded/test_costs.py::test_children_are_not_included",
    "recorded/test_costs.py::test_what_runs_shorter_than_a_tick_is_not_for_free",
    # About a whole database, which tests share here.
    "recorded/test_arguments.py::test_ndjson_goes_to_another_database_and_back_unchanged",
    "recorded/test_parents.py::test_tree_of_nothing",
    "recorded/test_attempts.py::test_the_book_line_names_the_caller",
    "recorded/test_attempts.py::test_attempts_are_counted_in_the_ledger",
    # Start a recorder of their own.
    "recorded/test_ends.py::test_forks_and_threads_that_never_exec_are_not_sent",
    "recorded/test_ends.py::test_an_image_whose_successor_is_lost_has_an_end_or_is_counted",
    "recorded/test_attempts.py::test_without_the_option_nothing_is_attached_to_system_calls",
)


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--durations=0"]
    command += ["--timeout=1200"]  # time in emulation is not time
    command += [f"tests/kernel/{name}" for name in IN]
    command += [f"--deselect=tests/kernel/{name}" for name in OUT]
    environment = os.environ | {
        "CI": "1",  # what cannot run is a failure
        "EXECDB_TEST_SHARED": "1",
    }
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
