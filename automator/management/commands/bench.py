"""Measures the project beside other ways to write the same service."""

import json
import signal
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from automator.bench import report, summary
from automator.bench.checkout import ContestantFailed
from automator.bench.load_generators import WITHOUT_WRK, GeneratorFailed, has_wrk
from automator.bench.loads import LOADS
from automator.bench.run import Plan, Results, Run
from automator.bench.services import Contestant, contestants
from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Terminated, exit_on
from automator.speed import charts, page

MOST_ROUNDS, MOST_SECONDS, MOST_TICKETS = 50, 600, 100_000_000
USUAL: dict[str, Any] = {
    "rounds": 10,
    "seconds": 3,
    "tickets": "1000000",
    "counted": 100,
    "latency_seconds": 5,
}
SHARES = (0.25, 0.75, 0.9)
QUICK: dict[str, Any] = {
    "rounds": 5,
    "seconds": 1,
    "tickets": "100000",
    "counted": 10,
    "latency_seconds": 2,
}


def number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return parse


class Command(BaseCommand):
    """Starts a PostgreSQL of its own, and leaves nothing behind."""

    help = "Measure the calls beside other ways to write the same service."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to measure, for how long, and where to."""
        parser.add_argument(
            "--rounds", type=number(1, MOST_ROUNDS), help="turns of each contestant (default: 10)"
        )
        parser.add_argument(
            "--seconds", type=number(1, MOST_SECONDS), help="length of a turn (default: 3)"
        )
        parser.add_argument(
            "--tickets",
            metavar="N,...",
            help="tickets in ordinary groups (default: 1000000); too few are soon sold out. Of"
            " several ascending numbers, single calls are counted at each, and the rounds use the"
            " last",
        )
        parser.add_argument(
            "--loads",
            metavar="LOAD,...",
            default=",".join(LOADS),
            help=f"of {', '.join(LOADS)} (default: all)",
        )
        parser.add_argument(
            "--only",
            metavar="NAME,...",
            help="contestants: project, bare, drf, fastapi, pgbench (default: those)",
        )
        parser.add_argument(
            "--server",
            choices=["gunicorn", "granian"],
            default="gunicorn",
            help="granian adds the project under that server as one more contestant",
        )
        parser.add_argument(
            "--counted",
            type=number(0, 10_000),
            metavar="N",
            help="calls of each kind for the exact counters; 0 for none (default: 100)",
        )
        parser.add_argument(
            "--latency-seconds",
            type=number(0, MOST_SECONDS),
            metavar="N",
            help="length of a sample of latencies; 0 for none (default: 5)",
        )
        parser.add_argument(
            "--stale",
            type=number(1, 1_000_000),
            default=100_000,
            metavar="N",
            help="overdue holds for the load `sweep` (default: %(default)s)",
        )
        parser.add_argument(
            "--imported",
            type=number(1, 1_000_000),
            default=20_000,
            metavar="N",
            help="ticket groups that the load `import` changes (default: %(default)s)",
        )
        parser.add_argument(
            "--quick",
            action="store_true",
            help="a short run under the spread load, with few tickets",
        )
        parser.add_argument(
            "--project",
            type=Path,
            default=settings.BASE_DIR,
            metavar="FOLDER",
            help="the checkout to measure (default: this one)",
        )
        parser.add_argument(
            "--baseline",
            type=Path,
            metavar="FOLDER",
            help="another checkout, as one more contestant in the same rounds; the same one again"
            " shows how much of a ratio is noise",
        )
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="write the results and all turns there too"
        )
        parser.add_argument(
            "--charts", type=Path, metavar="FOLDER", help="write charts as SVG files there too"
        )
        parser.add_argument(
            "--publish",
            action="store_true",
            help="make these the results that the page /docs/speed/ shows",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure, and print the tables.

        Raises:
            CommandError: something cannot be started, was stopped, or the audit found differences.
        """
        plan = self.plan(options)
        exit_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if not has_wrk():
            self.say(WITHOUT_WRK)
        try:
            results = Run(plan, self.say).go()
        except Terminated:
            raise CommandError("Stopped. Everything that was started has ended.") from None
        except (PostgresError, ContestantFailed, GeneratorFailed) as error:
            raise CommandError(str(error)) from error
        found = summary.of(results)
        self.stdout.write("\n".join(report.tables(found)))
        self.keep(results, found, options)
        if any(results.differences.values()):
            raise CommandError("The audit found differences.")

    def keep(self, results: Results, found: dict[str, Any], options: dict[str, Any]) -> None:
        """Write the files that were asked for."""
        if options["json"]:
            turns = {"turns": [asdict(turn) for turn in results.turns]}
            options["json"].write_text(json.dumps(found | turns, indent=1) + "\n")
        if options["charts"]:
            options["charts"].mkdir(parents=True, exist_ok=True)
            for name, chart in charts.charts(found).items():
                (options["charts"] / f"{name}.svg").write_text(charts.standalone(chart))
        if options["publish"]:
            page.RESULTS.write_text(json.dumps(found, indent=1) + "\n")

    def say(self, text: str) -> None:
        """Show the progress."""
        self.stderr.write(text, str)
        self.stderr.flush()

    def plan(self, options: dict[str, Any]) -> Plan:
        """Return what the options ask for.

        Raises:
            CommandError: an option is wrong.
        """
        usual = QUICK if options["quick"] else USUAL
        chosen = {name: usual[name] if options[name] is None else options[name] for name in usual}
        loads = tuple(options["loads"].split(","))
        if options["quick"] and options["loads"] == ",".join(LOADS):
            loads = ("spread",)
        for load in set(loads) - set(LOADS):
            raise CommandError(f"There is no load {load!r}. The loads are {', '.join(LOADS)}.")
        return Plan(
            contestants=tuple(self.contestants(options)),
            loads=loads,
            sizes=sizes(chosen.pop("tickets")),
            stale=options["stale"],
            imported=options["imported"],
            shares=() if options["quick"] else SHARES,
            **chosen,
        )

    def contestants(self, options: dict[str, Any]) -> list[Contestant]:
        """Return the contestants that are asked for and installed.

        Raises:
            CommandError: there is no contestant of a name, or what it needs is not installed.
        """
        baseline = options["baseline"]
        known = contestants(options["project"].resolve(), baseline and baseline.resolve())
        named = options["only"].split(",") if options["only"] else None
        for name in set(named or ()) - set(known):
            raise CommandError(f"There is no contestant {name!r}. There are {', '.join(known)}.")
        found = []
        for name, contestant in known.items():
            extra = name == "baseline" or (name == "granian" and options["server"] == "granian")
            if not extra and (name not in named if named else name == "granian"):
                continue
            if missing := contestant.missing():
                if extra or named:
                    raise CommandError(
                        f"{contestant.title} needs {missing}: run `make bench` once."
                    )
                self.say(f"Left out, since {missing} is not installed: {contestant.title}.")
                continue
            found.append(contestant)
        return found


def sizes(text: str) -> tuple[int, ...]:
    """Return the numbers of tickets.

    Raises:
        CommandError: the text is not a list of ascending whole numbers.
    """
    parse = number(1, MOST_TICKETS)
    try:
        found = tuple(parse(part) for part in text.split(","))
    except ArgumentTypeError as error:
        raise CommandError(f"--tickets: {error}.") from error
    if list(found) != sorted(set(found)):
        raise CommandError("--tickets must ascend.")
    return found
