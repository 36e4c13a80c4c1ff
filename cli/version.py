"""The version, as in pyproject.toml; asking the installed metadata would cost every start."""

VERSION = "0.1.0"
