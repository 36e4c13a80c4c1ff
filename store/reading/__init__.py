"""Questions: a filter, the segments it selects, and the events in order."""
