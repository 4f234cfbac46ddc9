"""A first run of the demo that is killed, and killed again, is completed by the next."""

import os
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management.base import OutputWrapper
from django.db import connection
from psycopg.conninfo import make_conninfo
from pytest_django import Settings

from automator import audit
from automator.demo import data as demo
from holds.models import Hold, OrderException
from inventory.models import Broker, TicketGroup
from tests.support.programs import Program, wait_until

PREPARE = """
import sys, django
from pathlib import Path
django.setup()
from django.conf import settings
from django.core.management.base import OutputWrapper
from automator.demo import data as demo
settings.DEMO_DIR = Path(sys.argv[1])
demo.prepare(OutputWrapper(sys.stdout), "http://127.0.0.1:8000")
"""


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_killed_is_completed_by_the_next(tmp_path: Path, settings: Settings) -> None:
    settings.DEMO_DIR = tmp_path
    environment = {
        "DATABASE_URL": make_conninfo(
            os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"]
        ),
        "DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "automator.settings",
    }
    for moment in (
        TicketGroup.objects.filter(remote_id="605690300"),  # in the middle of all
        Hold.objects.filter(global_id="demo-late"),  # while holds live for a second
    ):
        with Program(sys.executable, "-c", PREPARE, tmp_path, environment=environment) as program:
            wait_until(moment.exists, "the moment to kill it")
            program.process.kill()

    text = StringIO()
    demo.prepare(OutputWrapper(text), "http://127.0.0.1:8000")

    assert "\nKept: 1 broker, 12 events, 163 ticket groups, " in f"\n{text.getvalue()}"
    assert Hold.objects.count() == 30
    assert OrderException.objects.count() == 2
    assert Broker.objects.get().hold_lifetime == 900
    assert list(audit.differences()) == []
