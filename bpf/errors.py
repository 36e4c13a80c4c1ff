"""What can go wrong on the kernel's side, each as one sentence for the user."""


class KernelError(Exception):
    """The kernel, or what is needed to talk to it, does not do what recording needs.

    The text is one sentence that says what happened and what to do.
    """


class Interrupted(KernelError):
    """Whoever asked for it wants it no more."""
