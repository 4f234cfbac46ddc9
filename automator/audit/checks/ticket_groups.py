"""What must be true of ticket groups and their ledger."""

from automator.audit.checks.check import check


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
