"""The commands of execdb, one file each, in the rooms that `execdb --help` names."""
