"""The errors of the kernel's side; their text is one sentence for the user."""


class KernelError(Exception):
    """The kernel, or something needed to talk to it, does not support recording.

    The text is one sentence that says what happened and what to do.
    """


class Interrupted(KernelError):
    """The user asked to stop before loading was done."""
