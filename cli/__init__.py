"""The command line, and the only folder that uses Typer and Rich."""
