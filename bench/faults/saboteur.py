"""Runs a command of Toril, or a program that submits, and has its process die at a chosen step.

    python -m bench.faults.saboteur --at claimed:3 -- worker --app shop.jobs:app
    python -m bench.faults.saboteur --at ran --stop -- worker --app shop.jobs:app
    python -m bench.faults.saboteur --at after-commit -- shop/submit.py --count 10
    python -m bench.faults.saboteur --clock offset -- api

`--at NAME[:NTH]` may be given more than once; `--list` tells the names. At the nth passage the process says
so on stderr and kills itself with SIGKILL, so that nothing is tidied up; with `--stop` it stops itself
(SIGSTOP), to be continued by somebody else. `--clock FILE` makes its clocks wrong (see `clock.py`). The
product knows nothing of this: what is wrapped are its real methods.
"""

import argparse
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.faults.clock import WrongClock


def main(arguments: Sequence[str]) -> None:
    """Run what is named, sabotaged."""
    options = _parser().parse_args(arguments)
    clock = WrongClock(options.clock) if options.clock else None
    if clock is not None:
        clock.wind_up()
    # Only now: what is imported here takes `time` by name.
    from bench.faults.points import POINTS
    from bench.faults.sabotage import Sabotage

    if options.list:
        for name, point in POINTS.items():
            print(f"{name:18} {point.says}")
        return
    number = signal.SIGSTOP if options.stop else signal.SIGKILL
    for choice in options.at:
        name, _, nth = choice.partition(":")
        if name not in POINTS or not (nth or "1").isdecimal():
            sys.exit(f"There is no point {choice!r}; --list tells them.")
        Sabotage(name, int(nth or 1), number).install()
    if not options.command:
        sys.exit("Say what to run, after two dashes.")
    _run(options.command, clock)


def _run(command: list[str], clock: WrongClock | None) -> None:
    if command[0].endswith(".py"):
        sys.argv = command
        if clock is not None:
            import toril.bootstrap  # what the program will use

            clock.wind_up_datetime()
        runpy.run_path(command[0], run_name="__main__")
        return
    import toril.bootstrap  # noqa: F401  # commands import it only when they run
    from toril.cli.main import main as run_command

    if clock is not None:
        clock.wind_up_datetime()
    sys.argv = ["toril", *command]
    run_command()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.faults.saboteur", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--at", action="append", default=[], metavar="NAME[:NTH]")
    parser.add_argument("--stop", action="store_true", help="SIGSTOP instead of SIGKILL")
    parser.add_argument("--clock", type=Path, metavar="FILE", help="see bench/faults/clock.py")
    parser.add_argument("--list", action="store_true", help="tell the points")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND …", help="after two dashes")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
