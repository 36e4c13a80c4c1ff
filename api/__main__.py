"""`python -m execdb`: the command line."""

from execdb.cli.main import main

main()
