"""How what execdb does grows with the history."""
