"""What the books must satisfy: counters, claims, the ledger and invoices against each other.

A check is a function that returns SQL; each row it finds is a difference, said by its sentence with
the row's columns in braces. A new one is written below and known nowhere else. Beside the tables
themselves a check can read those of `automator.audit.TABLES`.
"""

from collections.abc import Callable
from typing import NamedTuple


class Check(NamedTuple):
    """A property of the books: its name, the SQL that finds where it fails, how to say that."""

    name: str
    sql: str
    sentence: str


CHECKS: list[Check] = []


def check(sentence: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Add the check that a function returns, whose rows are said by `sentence`."""

    def add(sql: Callable[[], str]) -> Callable[[], str]:
        CHECKS.append(Check(sql.__name__, sql(), sentence))
        return sql

    return add


@check("Ticket group {name}: held {held}, sold {sold}; its live holds: {holds_held}, {holds_sold}.")
def counters() -> str:
    """Held and sold of a ticket group are the tickets of its live holds."""
    return """
        SELECT g.name, g.held, g.sold, coalesce(c.held, 0) AS holds_held,
            coalesce(c.sold, 0) AS holds_sold
        FROM ticketgroup g LEFT JOIN (
            SELECT group_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
                sum(quantity) FILTER (WHERE state = 'invoiced') AS sold
            FROM holds_hold WHERE state = ANY (%(live)s) GROUP BY group_id
        ) c ON c.group_id = g.id
        WHERE (g.held, g.sold) <> (coalesce(c.held, 0), coalesce(c.sold, 0)) ORDER BY g.id
    """


@check("Ticket group {name}: held {held} and sold {sold} of {quantity} cannot be.")
def bounds() -> str:
    """Free, held and sold tickets are no fewer than none."""
    return """
        SELECT name, held, sold, quantity FROM ticketgroup
        WHERE held < 0 OR sold < 0 OR held + sold > quantity ORDER BY id
    """


@check("Holds {one} and {other}: both claim positions {positions} of ticket group {name}.")
def overlaps() -> str:
    """No two live holds claim the same position. Without the index that is to prevent it."""
    return """
        SELECT a.global_id AS one, b.global_id AS other, a.positions * b.positions AS positions,
            g.name
        FROM holds_hold a
        JOIN holds_hold b ON b.group_id = a.group_id AND b.id > a.id
            AND NOT isempty(a.positions * b.positions)
        JOIN ticketgroup g ON g.id = a.group_id
        WHERE a.state = ANY (%(live)s) AND b.state = ANY (%(live)s) ORDER BY a.id, b.id
    """


@check("Hold {name}: claims positions {positions} of the {seats} seats of ticket group {group}.")
def positions() -> str:
    """A live hold of numbered seats claims as many positions as tickets, all in the list."""
    return """
        SELECT h.name, h.positions, cardinality(g.seats) AS seats, g.name AS group
        FROM hold h JOIN ticketgroup g ON g.id = h.group_id
        WHERE h.state = ANY (%(live)s) AND CASE WHEN h.positions IS NULL THEN g.seats <> '{}'
            ELSE NOT h.positions <@ int4range(0, cardinality(g.seats))
                OR upper(h.positions) - lower(h.positions) <> h.quantity END
        ORDER BY h.id
    """


@check("Hold {name}: has seats {seats}; ticket group {group} has {labels} at {positions}.")
def labels() -> str:
    """The seats a live hold was told are those at its positions."""
    return """
        SELECT h.name, h.seats, h.positions, g.name AS group,
            g.seats[lower(h.positions) + 1 : upper(h.positions)] AS labels
        FROM hold h JOIN ticketgroup g ON g.id = h.group_id
        WHERE h.state = ANY (%(live)s) AND h.positions IS NOT NULL
            AND h.seats <> g.seats[lower(h.positions) + 1 : upper(h.positions)]
        ORDER BY h.id
    """


@check("Ticket group {name}: {quantity} tickets with the seats {seats}.")
def seat_lists() -> str:
    """There are as many seats as tickets, or none, each with a label of its own."""
    return """
        SELECT name, quantity, seats FROM ticketgroup
        WHERE cardinality(seats) NOT IN (0, quantity) OR '' = ANY (seats)
            OR cardinality(seats) <> (SELECT count(DISTINCT seat) FROM unnest(seats) seat)
        ORDER BY id
    """


@check("Ticket group {name}: ledger entry {number} stands where {place} belongs.")
def numbering() -> str:
    """The ledger of a ticket group is numbered from 1 without a gap."""
    return """
        SELECT DISTINCT ON (g.id) g.name, e.number, e.place
        FROM (SELECT group_id, number,
                row_number() OVER (PARTITION BY group_id ORDER BY number, id) AS place
            FROM inventory_ledgerentry) e
        JOIN ticketgroup g ON g.id = e.group_id
        WHERE e.number <> e.place ORDER BY g.id, e.place
    """


@check("Ticket group {name}: counts {entries} ledger entries, there are {there}.")
def entries() -> str:
    """A ticket group counts the entries of its ledger."""
    return """
        SELECT g.name, g.entries, coalesce(e.there, 0) AS there
        FROM ticketgroup g LEFT JOIN (
            SELECT group_id, count(*) AS there FROM inventory_ledgerentry GROUP BY group_id
        ) e ON e.group_id = g.id
        WHERE g.entries <> coalesce(e.there, 0) ORDER BY g.id
    """


@check(
    "Ticket group {name}: ledger entry {number} says quantity {quantity}, held {held}, sold {sold};"
    " replayed from empty: {replayed_quantity}, {replayed_held}, {replayed_sold}."
)
def replay() -> str:
    """The ledger, replayed from empty, gives the counters that stand in it. The first of each
    group that does not: those behind it follow from it."""
    return """
        SELECT DISTINCT ON (g.id) g.name, e.* FROM (
            SELECT group_id, number, quantity, held, sold,
                sum(tickets * per_quantity) OVER upto AS replayed_quantity,
                sum(tickets * per_held) OVER upto AS replayed_held,
                sum(tickets * per_sold) OVER upto AS replayed_sold
            FROM entry WINDOW upto AS (PARTITION BY group_id ORDER BY number)) e
        JOIN ticketgroup g ON g.id = e.group_id
        WHERE (e.quantity, e.held, e.sold) IS DISTINCT FROM
            (replayed_quantity, replayed_held, replayed_sold)
        ORDER BY g.id, e.number
    """


@check(
    "Ticket group {name}: has quantity {quantity}, held {held}, sold {sold}; its ledger, replayed"
    " from empty: {replayed_quantity}, {replayed_held}, {replayed_sold}."
)
def outcome() -> str:
    """The ledger, replayed from empty, ends in what the ticket group has."""
    return """
        SELECT g.name, g.quantity, g.held, g.sold,
            coalesce(e.quantity, 0) AS replayed_quantity, coalesce(e.held, 0) AS replayed_held,
            coalesce(e.sold, 0) AS replayed_sold
        FROM ticketgroup g LEFT JOIN (
            SELECT group_id, sum(tickets * per_quantity) AS quantity,
                sum(tickets * per_held) AS held, sum(tickets * per_sold) AS sold
            FROM entry GROUP BY group_id
        ) e ON e.group_id = g.id
        WHERE (g.quantity, g.held, g.sold) <>
            (coalesce(e.quantity, 0), coalesce(e.held, 0), coalesce(e.sold, 0)) ORDER BY g.id
    """


@check("Ticket group {name}: has seats {seats}, its ledger was last stocked with {stocked}.")
def stocked_seats() -> str:
    """The seats of a ticket group are those of its ledger's last change of stock."""
    return """
        SELECT g.name, g.seats, e.seats AS stocked FROM ticketgroup g JOIN (
            SELECT DISTINCT ON (group_id) group_id, seats FROM inventory_ledgerentry
            WHERE effect = 'stocked' ORDER BY group_id, number DESC
        ) e ON e.group_id = g.id
        WHERE g.seats <> e.seats ORDER BY g.id
    """


@check("Hold {name}: stands as {stands}, its ledger tells: {history}.")
def histories() -> str:
    """The ledger tells of each hold a history that may be, and that ends where the hold stands."""
    return """
        SELECT coalesce(h.name, e.global_id) AS name, coalesce(h.stands, 'nothing') AS stands,
            coalesce(e.history, 'nothing') AS history
        FROM (SELECT *, CASE WHEN group_id IS NULL AND state = 'released' THEN %(tombstone)s
                ELSE state END AS stands FROM hold) h
        FULL JOIN (
            SELECT group_id, global_id, string_agg(effect, ', ' ORDER BY number) AS history
            FROM inventory_ledgerentry WHERE global_id <> '' GROUP BY group_id, global_id
        ) e ON e.group_id = h.group_id AND e.global_id = h.global_id
        WHERE (coalesce(h.stands, ''), coalesce(e.history, '')) NOT IN
            (SELECT * FROM unnest(%(stands)s::text[], %(histories)s::text[]))
        ORDER BY h.id, e.group_id, e.global_id
    """


@check(
    "Hold {name}: ledger entry {number} is of {told} tickets, seats {told_seats}; it has"
    " {quantity}, seats {seats}."
)
def tickets() -> str:
    """Every ledger entry of a hold is of its tickets, and the last one of its seats."""
    return """
        SELECT h.name, e.number, e.tickets AS told, e.seats AS told_seats, h.quantity, h.seats
        FROM hold h JOIN (
            SELECT *, row_number() OVER (PARTITION BY group_id, global_id ORDER BY number DESC)
                AS from_end
            FROM inventory_ledgerentry WHERE global_id <> ''
        ) e ON e.group_id = h.group_id AND e.global_id = h.global_id
        WHERE e.tickets <> h.quantity OR (e.from_end = 1 AND e.seats <> h.seats)
        ORDER BY h.id, e.number
    """


@check("Hold {name}: expired at {at}, before its time at {expires_at}.")
def early() -> str:
    """No hold expires before its time."""
    return """
        SELECT h.name, e.at, h.expires_at FROM hold h JOIN inventory_ledgerentry e
            ON e.group_id = h.group_id AND e.global_id = h.global_id AND e.effect = 'expired'
        WHERE e.at < h.expires_at ORDER BY h.id
    """


@check("Hold {name}: is {state}; there is {invoice} and {void}.")
def sales() -> str:
    """A hold that is invoiced has its invoice, one that is voided its void, no other has any."""
    return """
        SELECT coalesce(h.name, i.order_id) AS name, coalesce(h.state, 'missing') AS state,
            CASE WHEN i.id IS NULL THEN 'no invoice' ELSE 'an invoice' END AS invoice,
            CASE WHEN v.id IS NULL THEN 'no void' ELSE 'a void' END AS void
        FROM hold h FULL JOIN invoices_invoice i ON i.hold_id = h.id
        LEFT JOIN invoices_void v ON v.invoice_id = i.id
        WHERE (coalesce(h.state, '') IN ('invoiced', 'voided')) <> (i.id IS NOT NULL)
            OR (coalesce(h.state, '') = 'voided') <> (v.id IS NOT NULL)
        ORDER BY h.id, i.id, v.id
    """


@check(
    "Hold {name}: order {order_id}, {quantity} at {price}; its invoice: order {invoiced_order_id},"
    " {invoiced_quantity} at {invoiced_price}, {total} in all."
)
def amounts() -> str:
    """An invoice is of the order id, the tickets and, unless by hand, the price of its hold."""
    return """
        SELECT h.name, h.order_id, h.quantity, h.unit_price || ' ' || h.currency AS price,
            i.order_id AS invoiced_order_id, i.quantity AS invoiced_quantity,
            i.unit_price || ' ' || i.currency AS invoiced_price, i.total
        FROM hold h JOIN invoices_invoice i ON i.hold_id = h.id
        WHERE (i.order_id, i.quantity, i.currency, i.total) IS DISTINCT FROM
                (h.order_id, h.quantity, h.currency, h.quantity * i.unit_price)
            OR (i.unit_price <> h.unit_price AND NOT starts_with(h.global_id, %(by_hand)s))
        ORDER BY h.id
    """


@check("Hold {name}: voided with its {quantity} tickets gone, but they did not leave the group.")
def gone() -> str:
    """Where the tickets of a voided sale are gone, the ledger takes them out of stock next."""
    return """
        SELECT h.name, h.quantity FROM invoices_void v
        JOIN invoices_invoice i ON i.id = v.invoice_id
        JOIN hold h ON h.id = i.hold_id
        JOIN inventory_ledgerentry e ON e.group_id = h.group_id AND e.global_id = h.global_id
            AND e.effect = 'voided'
        LEFT JOIN inventory_ledgerentry o ON o.group_id = e.group_id AND o.number = e.number + 1
            AND o.effect = 'stocked' AND o.tickets = -h.quantity
        WHERE NOT v.back_to_stock AND o.id IS NULL ORDER BY h.id
    """


@check("{what} {name}: belongs to broker {broker}, its {other} to broker {owner}.")
def brokers() -> str:
    """What belongs together belongs to one broker."""
    return """
        SELECT what, name, broker, other, owner FROM (
            SELECT 'Ticket group' AS what, g.name, g.broker_id AS broker, 'event' AS other,
                e.broker_id AS owner
            FROM ticketgroup g JOIN inventory_event e ON e.id = g.event_id
            UNION ALL
            SELECT 'Hold', h.name, h.broker_id, 'ticket group', g.broker_id
            FROM hold h JOIN inventory_ticketgroup g ON g.id = h.group_id
            UNION ALL
            SELECT 'Invoice', i.order_id, i.broker_id, 'hold', h.broker_id
            FROM invoices_invoice i JOIN holds_hold h ON h.id = i.hold_id
            UNION ALL
            SELECT 'Exception', x.global_id, x.broker_id, 'hold', h.broker_id
            FROM holds_orderexception x JOIN holds_hold h ON h.id = x.hold_id
        ) facts WHERE broker <> owner ORDER BY what, name
    """
