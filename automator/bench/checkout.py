"""Runs commands of a checkout of the project, which need not be this one."""

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from automator.postgres.processes import child

BASE = Path(__file__).resolve().parent.parent.parent
# What the caller's environment must not decide.
NOT_PASSED_ON = ("DATABASE_URL", "DEMO", "DEBUG", "DJANGO_SETTINGS_MODULE", "MAKEFLAGS")
# Runs several commands in one process, which takes less time than one for each.
COMMANDS = """
import json, os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "automator.settings")
import django
from django.core.management import call_command
django.setup()
for arguments in json.loads(sys.argv[1]):
    call_command(*arguments)
"""


class ContestantFailed(Exception):
    """A contestant could not be started, or a command of the project failed."""


def environment(**special: str) -> dict[str, str]:
    """Return the environment of a contestant or of a command of the project: production's."""
    outside = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return {
        **outside,
        "DEMO": "0",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "PROXY_HOPS": "1",
        **special,
    }


def manage(checkout: Path, database_url: str, *commands: tuple[str, ...]) -> str:
    """Run management commands of a checkout in one process, and return what they print.

    Raises:
        ContestantFailed: a command failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        check=False,
        cwd=checkout,
        env=environment(DATABASE_URL=database_url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=child(signal.SIGTERM),
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-500:]
        raise ContestantFailed(f"{commands[0][0]} failed: {words}")
    return done.stdout.strip()
