"""The numbers execdb holds itself to (python -m tests.bench), and those of others."""

import argparse
import os
import signal
import sys
from pathlib import Path


def main() -> int:
    arguments = _parser().parse_args()
    if os.geteuid():
        print("the benchmarks record, which takes root: sudo make bench", file=sys.stderr)
        return 1
    # A shell's background job ignores SIGINT, and so would the recorders that it should end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is put back
    if arguments.what == "peers":
        from tests.bench.peers.compare import compare

        return compare(
            arguments.rounds, arguments.builds, arguments.execs, arguments.only, arguments.write
        )
    if arguments.what == "questions":
        from tests.bench.asking.questions import ask

        return ask(arguments.events, arguments.write, arguments.keep)
    if arguments.what == "web":
        from tests.bench.asking.web import compare as compare_web

        return compare_web(arguments.events, arguments.write, arguments.keep)
    if arguments.what == "yardstick":
        from tests.bench.measure.yardstick import compare as measure

        return measure(arguments.events, arguments.write)
    if arguments.what == "rings":
        from tests.bench.measure.held_up import compare as compare_rings

        return compare_rings(arguments.write)
    if arguments.what == "kernel":
        from tests.bench.parts.in_kernel import compare as compare_parts

        return compare_parts(arguments.rounds, arguments.execs, arguments.events, arguments.write)
    if arguments.what == "idle":
        from tests.bench.measure.idle import compare as compare_rates

        return compare_rates(arguments.seconds, arguments.write)
    if arguments.what == "growth":
        from tests.bench.growth.compare import compare as compare_sizes

        return compare_sizes(
            arguments.events,
            arguments.turns,
            arguments.runs,
            arguments.only,
            arguments.keep,
            arguments.write,
        )
    if arguments.what == "ceiling":
        from tests.bench.ceiling.compare import compare as compare_offers

        return compare_offers(arguments.rates, arguments.seconds, arguments.write)
    if arguments.what == "memory":
        os.environ.setdefault("EXECDB_TEST_PATIENCE_S", "600")  # for 65,003 processes
        from tests.bench.memory import compare as compare_loads

        return compare_loads(arguments.seconds, arguments.write)
    if arguments.what == "pressure":
        from tests.bench.pressure.compare import compare as compare_pressures

        return compare_pressures(arguments.rounds, arguments.seconds, arguments.write)
    if arguments.what == "ship":
        from tests.bench.measure.shipping import ship

        return ship(arguments.events, arguments.write)
    if arguments.what == "central":
        from tests.bench.central.compare import compare as compare_hosts

        return compare_hosts(arguments.events, arguments.seconds, arguments.pooler, arguments.write)
    if arguments.what == "live":
        from tests.bench.measure.live import compare as compare_live

        return compare_live(arguments.execs, arguments.write)
    if arguments.what == "soak":
        from tests.bench.limits import soak

        return soak(arguments.events, arguments.write)
    from tests.bench.limits import hold

    return hold(full=arguments.full, events=arguments.events, write=arguments.write)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="one million execs, at least 60 s")
    _add_events(parser, 1_000_003)
    _add_write(parser)
    what = parser.add_subparsers(dest="what")
    peers = what.add_parser("peers", help="execdb beside other recorders")
    peers.add_argument("--rounds", type=int, default=9, help="storms of each kind for each")
    peers.add_argument("--builds", type=int, default=3, help="builds of GNU hello for each")
    peers.add_argument("--execs", type=int, default=5000, help="for each of the storm's processes")
    peers.add_argument("--only", default="", metavar="TEXT", help="recorders with this in the name")
    _add_write(peers)
    questions = what.add_parser("questions", help="what questions cost on a large history")
    _add_events(questions, 10_000_003)
    questions.add_argument(
        "--keep", type=Path, metavar="FILE", help="the history: left there, and taken from there"
    )
    _add_write(questions)
    page = what.add_parser("web", help="how long the page takes to answer on a large history")
    _add_events(page, 10_000_003)
    page.add_argument(
        "--keep", type=Path, metavar="FILE", help="the history: left there, and taken from there"
    )
    _add_write(page)
    yardstick = what.add_parser("yardstick", help="the collector's work beside the same in C")
    _add_events(yardstick, 200_003)
    _add_write(yardstick)
    rings = what.add_parser("rings", help="how long the collector may be held up")
    _add_write(rings)
    kernel = what.add_parser("kernel", help="what rules and keys cost in the kernel and the file")
    kernel.add_argument("--rounds", type=int, default=29, help="storms of each variant")
    kernel.add_argument("--execs", type=int, default=600, help="in a storm")
    _add_events(kernel, 100_003)
    _add_write(kernel)
    idle = what.add_parser("idle", help="wake-ups and CPU while little or nothing happens")
    idle.add_argument("--seconds", type=float, default=60, help="for each rate of execs")
    _add_write(idle)
    _add_growth(what.add_parser("growth", help="what grows with the history, and what does not"))
    ceiling = what.add_parser("ceiling", help="one collector and the execs of 64 CPUs")
    rates = 20_000, 50_000, 100_000
    ceiling.add_argument("--rates", type=int, nargs="+", default=rates, help="execs a second")
    ceiling.add_argument("--seconds", type=float, default=10, help="for each rate")
    _add_write(ceiling)
    memory = what.add_parser("memory", help="what the collector has in memory under floods")
    memory.add_argument("--seconds", type=float, default=25, help="for each flood")
    _add_write(memory)
    pressure = what.add_parser("pressure", help="with little memory, a busy disk, busy CPUs")
    pressure.add_argument("--rounds", type=int, default=3)
    pressure.add_argument("--seconds", type=float, default=8, help="for each stretch")
    _add_write(pressure)
    shipping = what.add_parser("ship", help="what shipping to a central store costs")
    _add_events(shipping, 200_003)
    _add_write(shipping)
    central = what.add_parser("central", help="a hundred hosts and one central store")
    _add_events(central, 2_000_000)
    central.add_argument("--seconds", type=int, default=60, help="of recording on all hosts")
    central.add_argument(
        "--pooler", type=int, default=0, metavar="N",
        help="ship through pgbouncer with N connections, and ask nothing",
    )  # fmt: skip
    _add_write(central)
    live = what.add_parser("live", help="live replay: lateness, rate, many paths")
    live.add_argument("--execs", type=int, default=100_003, help="at 3,000 a second")
    _add_write(live)
    long = what.add_parser("soak", help="a million execs flat out into one collector")
    _add_events(long, 1_000_003)
    _add_write(long)
    return parser


def _add_growth(parser: argparse.ArgumentParser) -> None:
    sizes = 1_000_003, 10_000_003, 100_000_003
    parser.add_argument("--events", type=int, nargs="+", default=sizes, help="in each history")
    parser.add_argument("--turns", type=int, default=5, help="for each question")
    parser.add_argument("--only", default="", metavar="REGEX", help="what has this in its name")
    parser.add_argument("--runs", type=int, default=10_000, help="that coverage is asked about")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="the histories: left there, and taken from there",
    )
    _add_write(parser)


def _add_events(parser: argparse.ArgumentParser, number: int) -> None:
    parser.add_argument("--events", type=int, default=number, help="in the large histories")


def _add_write(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--write", type=Path, metavar="FILE", help="into this Markdown file too")


if __name__ == "__main__":
    sys.exit(main())
