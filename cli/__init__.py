"""The command line: wires the parts together. Only here are Typer and Rich used."""
