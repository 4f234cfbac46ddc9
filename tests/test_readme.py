"""What the README names is there, and what it should name is named."""

import json
import os
import re
import secrets
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from automator.api.problems import PROBLEMS
from holds.serializers import HoldAnswer
from invoices.serializers import InvoiceAnswer
from tests.support.programs import Program, free_port

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
OURS = {"automator", "invoices", "holds", "inventory"}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(title: str) -> list[str]:
    """What stands in code in the first cell of each row of a section's table."""
    return re.findall(r"^\| `([^|]+)` \|", section(title), re.MULTILINE)


def commands_named() -> list[tuple[str, set[str]]]:
    """Each command the README shows, with the options beside it."""
    lines = re.findall(r"manage\.py ([a-z_]+[^`\n]*)", README) + first_cells("Commands")
    return [(line.split()[0], set(re.findall(r"--[a-z-]+", line))) for line in lines]


def options_of(command: BaseCommand) -> set[str]:
    return set(command.create_parser("manage.py", "")._option_string_actions)


def load(name: str) -> BaseCommand:
    return load_command_class(str(get_commands()[name]), name)


@pytest.mark.parametrize(("name", "options"), commands_named())
def test_every_command_it_names_is_there_with_those_options(name: str, options: set[str]) -> None:
    assert options <= options_of(load(name))


@pytest.mark.parametrize("name", [name for name, app in get_commands().items() if app in OURS])
def test_it_lists_every_command_of_the_project_with_all_its_options(name: str) -> None:
    listed = {line.split()[0]: line for line in first_cells("Commands")}

    command = load(name)
    own = options_of(command) - options_of(type(command).__mro__[1]())  # of what it extends

    assert own == set(re.findall(r"--[a-z-]+", listed[name]))


def test_its_table_has_every_environment_variable_and_no_other() -> None:
    settings = (ROOT / "automator" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))

    assert len(read) > 10
    assert sorted(first_cells("Settings")) == sorted(read)


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for app in OURS
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"os\.environ\b(?!\.setdefault)|os\.getenv", path.read_text())
        and "bench" not in path.parts  # the other services that it measures have their own settings
    }
    # The contestants of the bench are services of their own, which it starts.
    ours = {path for path in readers if not path.startswith("automator/bench/")}
    assert ours <= {"automator/environment.py", "automator/management/commands/demo.py"}


def test_the_server_it_starts_in_production_answers() -> None:
    [arguments] = re.findall(r"^\.venv/bin/python -m gunicorn (.*)$", README, re.MULTILINE)
    environment = {
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "tickets.example.com",
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "gunicorn", *arguments.split()]
    with Program(*command, folder=ROOT, environment=environment) as server:
        server.expect("Booting worker")
        client = HTTPConnection("127.0.0.1", int(environment["PORT"]), timeout=20)
        client.request("GET", "/healthz", headers={"Host": environment["ALLOWED_HOSTS"]})
        assert json.load(client.getresponse()) == {"status": "ok"}
        client.close()
        server.process.terminate()
        assert server.end() == 0


def test_every_path_it_names_is_there() -> None:
    named = re.findall(r"`((?:\.?[a-z_]+/)*[a-zA-Z_.-]*)`", section("Where things are"))
    paths = [name for name in named if "/" in name or "." in name]

    assert len(paths) > 10
    for name in paths:
        assert any(ROOT.glob(name)) or any(ROOT.glob(f"*/{name}")), name


def test_every_target_of_make_it_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"^(?:.*`)?(?:[A-Z]+=\S+ )?make ([a-z]+)", README, re.MULTILINE))

    assert {"demo", "test", "lint"} <= named <= targets


def test_its_answers_have_the_members_of_real_ones() -> None:
    answers = [json.loads(line) for line in README.splitlines() if line.startswith("{")]
    problem = {"type", "title", "status", "detail", "code", "retryable", "request_id"}

    assert len(answers) == 4
    for answer in answers:
        if "code" in answer:
            example = PROBLEMS[answer["code"]].example
            assert set(answer) == problem | set(example)
        else:
            serializer = InvoiceAnswer if "buyer" in answer else HoldAnswer
            fields = serializer().fields.items()
            assert list(answer) == [
                name for name, field in fields if field.required or field.read_only
            ]


def test_it_names_the_apps_from_the_top_down() -> None:
    assert "`automator → invoices → holds → inventory`" in README
    assert {app.name for app in apps.get_app_configs()} >= OURS


def test_papers_name_files_and_functions_that_are_there() -> None:
    papers = [ROOT / ".github" / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md")]
    named = {
        name for paper in papers for name in re.findall(r"`([\w./-]+/[\w./-]*)`", paper.read_text())
    }
    paths = {name for name in named if not name.startswith(("/", "postgresql:"))}

    assert len(paths) > 25
    for name in paths:
        assert (ROOT / name).exists(), name


def test_walks_of_the_architecture_name_functions_that_are_there() -> None:
    text = " ".join((ROOT / ".github" / "ARCHITECTURE.md").read_text().split())
    walks = re.findall(r"`([\w/]+\.py)` \(`([\w.]+)`\)", text)

    assert len(walks) > 10
    for path, name in walks:
        source = (ROOT / path).read_text()
        assert re.search(rf"(def|class) {name.split('.')[-1]}\b", source), (path, name)
