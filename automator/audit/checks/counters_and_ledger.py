"""Checks of ticket groups and their ledgers."""

from automator.audit.checks.registry import check


@check("Ticket group {name}: held {held}, sold {sold}; its live holds: {holds_held}, {holds_sold}.")
def counters() -> str:
    """The counters held and sold of a ticket group match the tickets of its live holds."""
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


@check("Ticket group {name}: held {held} and sold {sold} of {quantity} is not possible.")
def bounds() -> str:
    """The numbers of free, held and sold tickets are not negative."""
    return """
        SELECT name, held, sold, quantity FROM ticketgroup
        WHERE held < 0 OR sold < 0 OR held + sold > quantity ORDER BY id
    """


@check("Ticket group {name}: {quantity} tickets with the seats {seats}.")
def seat_lists() -> str:
    """A ticket group has no seat list, or one distinct label for each ticket."""
    return """
        SELECT name, quantity, seats FROM ticketgroup
        WHERE cardinality(seats) NOT IN (0, quantity) OR '' = ANY (seats)
            OR cardinality(seats) <> (SELECT count(DISTINCT seat) FROM unnest(seats) seat)
        ORDER BY id
    """


@check("Ticket group {name}: ledger entry {number} is where entry {place} should be.")
def numbering() -> str:
    """The ledger entries of a ticket group are numbered from 1 without gaps."""
    return """
        SELECT DISTINCT ON (g.id) g.name, e.number, e.place
        FROM (SELECT group_id, number,
                row_number() OVER (PARTITION BY group_id ORDER BY number, id) AS place
            FROM inventory_ledgerentry) e
        JOIN ticketgroup g ON g.id = e.group_id
        WHERE e.number <> e.place ORDER BY g.id, e.place
    """


@check("Ticket group {name}: it counts {entries} ledger entries, but there are {there}.")
def entries() -> str:
    """The counter `entries` of a ticket group matches the number of its ledger entries."""
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
    """Replaying the ledger from the start gives the counters that its entries contain.

    Only the first wrong entry of a ticket group is reported, since later ones follow from it.
    """
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
    """Replaying the ledger from the start ends in the counters of the ticket group."""
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


@check("Ticket group {name}: it has seats {seats}; its ledger was last stocked with {stocked}.")
def stocked_seats() -> str:
    """The seats of a ticket group are those of the last change of stock in its ledger."""
    return """
        SELECT g.name, g.seats, e.seats AS stocked FROM ticketgroup g JOIN (
            SELECT DISTINCT ON (group_id) group_id, seats FROM inventory_ledgerentry
            WHERE effect = 'stocked' ORDER BY group_id, number DESC
        ) e ON e.group_id = g.id
        WHERE g.seats <> e.seats ORDER BY g.id
    """
