"""The kernel's side: the BPF program, its loader, the rings and maps it shares with us."""
