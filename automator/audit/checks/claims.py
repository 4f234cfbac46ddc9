"""Checks of claims: no seat is claimed twice, and every hold has a possible history."""

from automator.audit.checks.registry import check


@check("Holds {one} and {other}: both claim positions {positions} of ticket group {name}.")
def overlaps() -> str:
    """No two live holds claim the same position. The query does not use the exclusion index."""
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
    """A live hold of numbered seats claims one position of the seat list for each ticket."""
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
    """The seats of a live hold are those at its positions in the ticket group."""
    return """
        SELECT h.name, h.seats, h.positions, g.name AS group,
            g.seats[lower(h.positions) + 1 : upper(h.positions)] AS labels
        FROM hold h JOIN ticketgroup g ON g.id = h.group_id
        WHERE h.state = ANY (%(live)s) AND h.positions IS NOT NULL
            AND h.seats <> g.seats[lower(h.positions) + 1 : upper(h.positions)]
        ORDER BY h.id
    """


@check("Hold {name}: its state is {stands}, its history in the ledger is: {history}.")
def histories() -> str:
    """Each hold has a possible history in the ledger, and the history ends in the hold's state."""
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
    "Hold {name}: ledger entry {number} has {told} tickets, seats {told_seats}; the hold has"
    " {quantity}, seats {seats}."
)
def tickets() -> str:
    """Every ledger entry of a hold has its quantity, and the last one has its seats."""
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


@check("Hold {name}: expired at {at}, before its expiry at {expires_at}.")
def early() -> str:
    """No hold expires before its `expires_at`."""
    return """
        SELECT h.name, e.at, h.expires_at FROM hold h JOIN inventory_ledgerentry e
            ON e.group_id = h.group_id AND e.global_id = h.global_id AND e.effect = 'expired'
        WHERE e.at < h.expires_at ORDER BY h.id
    """
