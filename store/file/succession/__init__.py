"""How one collector asks another one to end, and is answered."""
