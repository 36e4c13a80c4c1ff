"""Answers about the history as a whole: counts over time, families, what never ran before."""
