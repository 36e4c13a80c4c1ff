"""The recorder: from the rings to events in order, and the config from its table to the map."""
