"""The kernel's side: the BPF programs, their loader, and the rings and maps that they share with
this process."""
