"""What the command that exports prints."""

import io
from typing import Any

from django.core.management import call_command

from inventory.models import Broker


def exported(broker: Broker, **options: Any) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("export_inventory", broker.name, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()
