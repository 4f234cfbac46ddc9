"""A broker's book in a file of its own, imported by the command."""

import os
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from holds.imports import checking
from inventory.models import Broker, Caller, TicketGroup
from inventory.models.imports import Import, ImportState

CALLER = Caller("command import_inventory")
HEADER = "inventory_id,event_name,venue_name,event_date,quantity,section,row,seats,list_price"


def line(remote_id: str, seats: str = "1,2,3,4", quantity: int = 4, **changes: str) -> str:
    cells = {"event": "Wicked", "date": "2027-05-01T19:30:00", "section": "211", "price": "40.00"}
    cells |= changes
    return (
        f"{remote_id},{cells['event']},Gershwin Theatre,{cells['date']},{quantity},"
        f'{cells["section"]},7,"{seats}",{cells["price"]}'
    )


class Book:
    """What the broker's program exports, one after another."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.path, self.broker = folder / "book.csv", broker
        self.written: datetime | None = None  # when the file says it was; None: just now

    def imported(self, *lines: str, header: str = HEADER, **options: Any) -> Import:
        return self.read("\n".join([header, *lines]) + "\n", **options)

    def read(self, text: str, **options: Any) -> Import:
        """Import a file with that text, written just now."""
        self._write(text)
        self.out, self.err = StringIO(), StringIO()
        call_command(
            "import_inventory",
            self.broker.name,
            str(self.path),
            stdout=self.out,
            stderr=self.err,
            **options,
        )
        return Import.objects.latest("id")

    def checked(self, *lines: str, header: str = HEADER, **options: Any) -> Import:
        """Only checked, as by somebody who looks at the preview."""
        self._write("\n".join([header, *lines]) + "\n")
        with self.path.open("rb") as stream:
            return checking.check(
                stream, broker=self.broker, file_name="book.csv", asked_by="user kim", **options
            )

    def refused(self, *lines: str, **options: Any) -> str:
        with pytest.raises(CommandError) as refusal:
            self.imported(*lines, **options)
        assert Import.objects.latest("id").state == ImportState.REFUSED
        return str(refusal.value)

    def group(self, remote_id: str) -> TicketGroup:
        group: TicketGroup = TicketGroup.objects.get(broker=self.broker, remote_id=remote_id)
        return group

    def prices(self) -> list[str]:
        groups = TicketGroup.objects.filter(broker=self.broker).order_by("remote_id")
        return [str(group.price) for group in groups]

    def _write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8", newline="")
        # The kernel's own stamp may be some milliseconds old.
        written = round((self.written or datetime.now(UTC)).timestamp() * 1_000_000) * 1000
        os.utime(self.path, ns=(written, written))


@pytest.fixture
def book(tmp_path: Path, broker: Broker) -> Book:
    return Book(tmp_path, broker)
