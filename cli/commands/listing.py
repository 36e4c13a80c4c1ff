"""Which commands there are, under the headings of `execdb --help`, which imports none of them."""

# By room, a folder beside this file: its heading, and the first sentence of each command's help.
ROOMS: dict[str, tuple[str, dict[str, str]]] = {
    "recorder": (
        "Record",
        {
            "collect": "Record every exec until Ctrl-C or SIGTERM.",
            "status": (
                "Show what is running, stored and lost, and whether the kernel has the config."
            ),
            "coverage": (
                "Show when execs were recorded, when some were lost, and when no collector was "
                "running."
            ),
            "mark": "Leave a note at this moment of the history, or list the notes.",
            "doctor": (
                "Check whether recording works on this machine, and say how to fix what does not."
            ),
        },
    ),
    "service": (
        "Record for good",
        {"service": "Install, check, restart and remove a systemd service that records."},
    ),
    "history": (
        "Ask",
        {
            "query": "Show the recorded execs, oldest first.",
            "tree": "Show what started a program, and what it started.",
            "stats": "Show how often and how long programs ran, and how many failed.",
            "timeline": "Show how many execs there were over time, and how many failed.",
            "compare": (
                "Compare two histories as trees, field by field: two files, or two runs of one."
            ),
            "new": "Show what had never run before, and who started it first.",
            "sql": "Ask the file in SQL, which can only read it.",
            "web": "Look at the history in a browser, until Ctrl-C.",
            "replay": "Play the recorded execs back with the pauses between them.",
        },
    ),
    "config": (
        "Configure",
        {"config": "Manage messages, rules and limits: what the kernel does with each exec."},
    ),
    "database": (
        "Keep and share",
        {
            "export": (
                "Write recorded execs to a file: NDJSON, CSV, flame graph stacks, SQLite, HTML, "
                "Perfetto."
            ),
            "import": (
                "Add events that `execdb query --format ndjson` wrote, or all of another database."
            ),
            "prune": "Remove the oldest events.",
            "ship": "Copy the history to a central store, and continue with new events.",
            "upgrade": "Bring a database of an older execdb up to date.",
        },
    ),
}
# Those whose --db may be the URL of a central store.
CENTRAL = (
    *("coverage", "export", "new", "prune", "query", "replay", "stats", "status", "timeline"),
    *("tree", "upgrade", "web"),
    *(f"config {name}" for name in ("set", "get", "list", "unset", "default", "ignore", "record")),
    *(f"config {name}" for name in ("rules", "remove", "limit", "export", "apply", "hosts")),
    *("config log", "config try"),
)
COMMANDS = {name: text for _, commands in ROOMS.values() for name, text in commands.items()}
_MODULES = {"import": "import_", "config": "app", "service": "app"}  # `import` is a keyword


def module_of(name: str) -> str:
    """The full name of the module of a command."""
    room = next(room for room, (_, commands) in ROOMS.items() if name in commands)
    return f"{__package__}.{room}.{_MODULES.get(name, name)}"
