"""Commands that ask the history, or play it back."""
