"""The commands of execdb, one file each."""
