"""What the shells load to complete execdb's commands: the scripts of `execdb --show-completion`."""

from pathlib import Path

from execdb.cli.service.places import COMPLETIONS


def scripts() -> dict[Path, str]:
    """The script of each shell, by the place of its file."""
    from typer._completion_shared import get_completion_script

    return {
        path: get_completion_script(
            prog_name="execdb", complete_var="_EXECDB_COMPLETE", shell=shell
        ).rstrip()
        + "\n"
        for shell, path in COMPLETIONS.items()
    }
