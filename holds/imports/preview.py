"""Shows people what an import would do: its counts as a bar chart, and the first differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.formats import date_format

from holds.imports import row_rules
from inventory import seat_text
from inventory.models import Event, TicketGroup
from inventory.models.imports import Import, ImportRow, Verdict
from inventory.prices import money
from inventory.stock_rules import Contradiction

FIRST = 20
# The width of the chart, and the smallest width of a segment that a reader can see.
WIDTH, LEAST = 1000, 6


@dataclass(frozen=True, slots=True)
class BarSegment:
    """One count of an import, with its place in the bar chart."""

    name: str
    count: int
    x: int
    width: int

    @property
    def written(self) -> str:
        """The count with separators between thousands."""
        return f"{self.count:,}"


class Difference(NamedTuple):
    """The value of a field now and after the import, as they are shown to a broker."""

    field: str
    was: str
    becomes: str


class Changed(NamedTuple):
    """A row that changes a group. It has a `refusal` where a claim forbids the change by now."""

    row: ImportRow
    group: TicketGroup
    differences: list[Difference]
    refusal: str


def bar_chart(job: Import) -> list[BarSegment]:
    """Return the counts of an import side by side, each with a width in proportion to the count."""
    counts = [
        (name, getattr(job, name))
        for name in ("new", "changed", "unchanged", "vanished", "refused")
    ]
    counts = [(name, count) for name, count in counts if count]
    whole = sum(count for _, count in counts)
    segments: list[BarSegment] = []
    x, before = 0, 0
    for position, (name, count) in enumerate(counts, start=1):
        before += count
        end = LEAST * position + (WIDTH - LEAST * len(counts)) * before // whole
        segments.append(BarSegment(name, count, x, end - x))
        x = end
    return segments


def first_rows(job: Import, verdict: Verdict) -> list[ImportRow]:
    """Return the first rows of an import that have a verdict."""
    return list(job.rows.filter(verdict=verdict)[:FIRST])


def new(job: Import) -> list[tuple[ImportRow, str, str, str]]:
    """Return the first new rows of an import, each with its event, seats and price."""
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
    """Return the first groups that are missing from the file."""
    return _groups_of(first_rows(job, Verdict.VANISHED))


def changed(job: Import) -> list[Changed]:
    """Return the first rows that change a group, with their differences."""
    rows = first_rows(job, Verdict.CHANGED)
    groups = _groups_of(rows)
    claims = row_rules.claimed([group.id for group in groups], job)
    shown = []
    for row, group in zip(rows, groups, strict=True):
        try:
            stock = row_rules.judged(row, group, claims[group.id], job)
            row_rules.require_expected(row, group, stock[1])
        except Contradiction as error:
            shown.append(Changed(row, group, [], str(error)))
        else:
            shown.append(Changed(row, group, _differences(row, group, job, stock), ""))
    return shown


def meant(row: ImportRow) -> str:
    """Return the event of a row as text."""
    return str(Event(name=row.event_name, date=row.date, time=row.time))


def _groups_of(rows: Sequence[ImportRow]) -> list[TicketGroup]:
    groups = TicketGroup.objects.select_related("event").in_bulk([row.group_id for row in rows])
    return [groups[row.group_id] for row in rows]


def _differences(
    row: ImportRow, group: TicketGroup, job: Import, stock: tuple[list[str], int]
) -> list[Difference]:
    seats, quantity = stock
    found = row_rules.differences(row, group, job)
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
