"""The ring buffers that the programs write records to, mapped and read directly."""
