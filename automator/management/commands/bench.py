"""Measures the project beside other ways to write the same service."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from automator.bench import measuring, wrk
from automator.bench.arena import Arena
from automator.bench.measuring import Turn, middle, ratios
from automator.bench.services import ContestantFailed, contestants
from automator.bench.wrk import GeneratorFailed
from automator.postgres.cluster import PostgresError
from automator.postgres.processes import Terminated, exit_on


class Command(BaseCommand):
    """Starts a PostgreSQL of its own, and leaves nothing behind."""

    help = "Measure the calls beside other ways to write the same service."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--seconds", type=int, default=5)
        parser.add_argument("--tickets", type=int, default=100_000)
        parser.add_argument("--loads", default="spread")
        parser.add_argument("--only", default="project,bare,fastapi")
        parser.add_argument("--project", type=Path, default=settings.BASE_DIR)
        parser.add_argument("--baseline", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        exit_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if not wrk.installed():
            raise CommandError(wrk.INSTALL)
        try:
            self.run(options)
        except Terminated:
            raise CommandError("Stopped. Everything that was started has ended.") from None
        except (PostgresError, ContestantFailed, GeneratorFailed) as error:
            raise CommandError(str(error)) from error

    def say(self, text: str) -> None:
        self.stderr.write(text, str)

    def run(self, options: dict[str, Any]) -> None:
        baseline = options["baseline"]
        known = contestants(options["project"].resolve(), baseline and baseline.resolve())
        names = options["only"].split(",")
        if baseline and "baseline" not in names:
            names.append("baseline")
        with Arena(tickets=options["tickets"], say=self.say) as arena:
            arena.enter(known[name] for name in known if name in names)
            turns: list[Turn] = []
            for load in options["loads"].split(","):
                for ready in arena.ready.values():
                    measuring.take_turn(arena, ready, load, round_=0, seconds=2)
                for round_ in range(1, options["rounds"] + 1):
                    order = list(arena.ready.items())
                    for name, ready in order if round_ % 2 else order[::-1]:
                        turn = measuring.take_turn(
                            arena, ready, load, round_=round_, seconds=options["seconds"]
                        )
                        turns.append(turn)
                        self.say(
                            f"{load} {round_} {name:<10} {turn.calls_per_second:8.1f} calls/s"
                            f"  CPU {turn.python_ms:.3f} + {turn.postgres_ms:.3f} ms"
                            f"  WAL {turn.wal_bytes:.0f}  generator {turn.generator_ms:.3f} ms"
                            f"  {turn.statuses}"
                        )
                self.table(turns, load, list(arena.ready))
        sys.stdout.flush()

    def table(self, turns: list[Turn], load: str, names: list[str]) -> None:
        self.stdout.write(f"\n{load}: medians")
        for name in names:
            mine = [turn for turn in turns if turn.contestant == name and turn.load == load]
            line = (
                f"{name:<10}{middle([t.calls_per_second for t in mine]):9.1f} calls/s"
                f"{middle([t.cpu_ms for t in mine]):8.3f} ms CPU"
                f" = {middle([t.python_ms for t in mine]):.3f} Python"
                f" + {middle([t.postgres_ms for t in mine]):.3f} PostgreSQL"
                f"{middle([t.wal_bytes for t in mine]):8.0f} B WAL"
                f"{sum(t.unexpected for t in mine):6d} unexpected"
            )
            self.stdout.write(line)
        for name in names:
            found = ratios(turns, of="project", to=name, load=load)
            if name != "project" and found:
                self.stdout.write(
                    f"project : {name:<10} {middle(found):.3f}"
                    f"  ({min(found):.3f} to {max(found):.3f})"
                )
