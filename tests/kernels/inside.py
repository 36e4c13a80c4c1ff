"""Inside a guest: the tests that run there, with the expectations they have anywhere.

An emulated machine takes 10 to 30 s to start a recorder, so this is a choice. In are all tests
whose outcome depends on the kernel's structs, hooks and maps. Out are:

- storms, kills, and anything else that is about rates or races: emulation has others;
- what is about the terminal, the database, the loader and its errors: the same on every kernel;
- further cases of the same kind as one that is in.
"""

import os
import subprocess
import sys

TESTS = (
    # One recorder, seventeen ways to start a program: hooks, and most of the offsets.
    "test_starts.py::test_one_right_row",
    "test_starts.py::test_names_the_file_as_it_was_given",
    "test_starts.py::test_two_execs_in_one_process_are_two_rows",
    "test_starts.py::test_32_bit_programs",
    "test_starts.py::test_set_uid_and_changes_of_user",
    "test_arguments.py::test_every_argument_is_what_was_passed",
    "test_ends.py::test_the_end_is_what_wait_says[segv]",
    "test_ends.py::test_the_end_is_what_wait_says[leader]",
    "test_parents.py::test_the_parent_is_the_image_that_called_exec",
    "test_who.py",
    "test_attempts.py::test_each_failure_is_a_row_with_its_errno",
    "test_collect.py::test_counts_what_a_full_ring_loses",
    "test_collect.py::test_nothing_stays_attached_after_a_clean_end",
    "test_config.py::test_unset_and_default",
    "test_loader.py::test_the_record_of_the_compiled_program_is_the_one_in_python",
    "test_btf.py::test_a_copy_of_btf_serves",
    "test_btf.py::test_neither_btf_nor_headers",
    "guest.py",
)


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--durations=0"]
    environment = os.environ | {"CI": "1"}  # a test that cannot run here is a failure
    tests = [f"tests/kernel/{name}" for name in TESTS]
    return subprocess.run([*command, *tests], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
