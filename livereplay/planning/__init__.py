"""Which processes there are to be, and when: pure functions of recorded rows."""
