"""What an import would do, for people: its counts as a picture, and the first differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.formats import date_format

from holds.imports import rules
from inventory import seat_text
from inventory.models import Event, TicketGroup
from inventory.models.imports import Import, ImportRow, Verdict
from inventory.prices import money
from inventory.stock_rules import Contradiction

FIRST = 20
# The width of the picture, and the least of it that a reader sees.
WIDTH, LEAST = 1000, 6


@dataclass(frozen=True, slots=True)
class Part:
    """One count of an import, and where it lies in the picture."""

    name: str
    count: int
    x: int
    width: int

    @property
    def written(self) -> str:
        """The count, thousands apart."""
        return f"{self.count:,}"


class Difference(NamedTuple):
    """What a field is now and what it becomes, as a broker reads them."""

    field: str
    was: str
    becomes: str


class Changed(NamedTuple):
    """A row of the file that changes a group; a refusal where a claim forbids it by now."""

    row: ImportRow
    group: TicketGroup
    differences: list[Difference]
    refusal: str


def picture(job: Import) -> list[Part]:
    """The counts of an import side by side, each as wide as it is many."""
    counts = [
        (name, getattr(job, name))
        for name in ("new", "changed", "unchanged", "vanished", "refused")
    ]
    counts = [(name, count) for name, count in counts if count]
    whole = sum(count for _, count in counts)
    parts: list[Part] = []
    x, before = 0, 0
    for position, (name, count) in enumerate(counts, start=1):
        before += count
        end = LEAST * position + (WIDTH - LEAST * len(counts)) * before // whole
        parts.append(Part(name, count, x, end - x))
        x = end
    return parts


def first_rows(job: Import, verdict: Verdict) -> list[ImportRow]:
    """The first rows of an import with that verdict."""
    return list(job.rows.filter(verdict=verdict)[:FIRST])


def new(job: Import) -> list[tuple[ImportRow, str, str, str]]:
    """The first rows that the broker does not have yet, with their event, seats and price."""
    return [
        (
            row,
            meant(row),
            _seats(row.seats),
            money(row.price, job.broker.currency),
        )
        for row in first_rows(job, Verdict.NEW)
    ]


def vanished(job: Import) -> list[TicketGroup]:
    """The first groups that the file no longer has."""
    return _groups_of(first_rows(job, Verdict.VANISHED))


def changed(job: Import) -> list[Changed]:
    """The first rows that change something, with what they change."""
    rows = first_rows(job, Verdict.CHANGED)
    groups = _groups_of(rows)
    claims = rules.claimed([group.id for group in groups], job)
    shown = []
    for row, group in zip(rows, groups, strict=True):
        try:
            stock = rules.judged(row, group, claims[group.id], job)
            rules.require_expected(row, group, stock[1])
        except Contradiction as error:
            shown.append(Changed(row, group, [], str(error)))
        else:
            shown.append(Changed(row, group, _differences(row, group, job, stock), ""))
    return shown


def meant(row: ImportRow) -> str:
    """The event of a row, as events are written."""
    return str(Event(name=row.event_name, date=row.date, time=row.time))


def _groups_of(rows: Sequence[ImportRow]) -> list[TicketGroup]:
    groups = TicketGroup.objects.select_related("event").in_bulk([row.group_id for row in rows])
    return [groups[row.group_id] for row in rows]


def _differences(
    row: ImportRow, group: TicketGroup, job: Import, stock: tuple[list[str], int]
) -> list[Difference]:
    seats, quantity = stock
    found = rules.differences(row, group, job)
    if "event" in found:
        found["event"] = (str(group.event), meant(row))
    if quantity != group.quantity:
        found["quantity"] = (group.quantity, quantity)
    if seats != group.seats:
        found["seats"] = (_seats(group.seats), _seats(seats))
    return [
        Difference(_name(name), *(_shown(name, value, job) for value in pair))
        for name, pair in found.items()
    ]


def _seats(labels: Sequence[str]) -> str:
    return seat_text.written(labels) or "no numbers"


def _name(field: str) -> str:
    return str(_field(field).verbose_name)


def _field(name: str) -> Any:
    return TicketGroup._meta.get_field(name)


def _shown(field: str, value: Any, job: Import) -> str:
    choices = dict(_field(field).flatchoices)
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return money(value, job.broker.currency)
        case date():
            return date_format(value)
        case list():
            return ", ".join(map(str, value))
    return str(choices.get(value, value))
