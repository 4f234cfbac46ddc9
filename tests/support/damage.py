"""What can go wrong in the database, and which checks of the audit then speak."""

# Nothing of PostgreSQL's own protection is left: superusers and broken disks can do that too.
UNPROTECTED = """
SET CONSTRAINTS ALL IMMEDIATE;
DO $$ DECLARE named record; BEGIN
    FOR named IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
        WHERE contype IN ('c', 'f', 'u', 'x')
            AND conrelid::regclass::text ~ '^(inventory|holds|invoices)_'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', named.relation, named.conname);
    END LOOP;
END $$;
ALTER TABLE inventory_ticketgroup DISABLE TRIGGER USER;
ALTER TABLE inventory_ledgerentry DISABLE TRIGGER USER;
ALTER TABLE holds_hold DISABLE TRIGGER USER;
ALTER TABLE invoices_invoice DISABLE TRIGGER USER;
ALTER TABLE invoices_void DISABLE TRIGGER USER;
"""
NUMBERED = "remote_id = 'numbered'"
GENERAL = "remote_id = 'general'"
EMPTY = "remote_id = 'empty'"
ENTRY = "group_id = (SELECT id FROM inventory_ticketgroup WHERE remote_id = 'numbered')"
SALE = "hold_id = (SELECT id FROM holds_hold WHERE global_id = 'invoiced')"

# What is done to the database, and the checks that find it.
DAMAGE = {
    "held counter": (
        f"UPDATE inventory_ticketgroup SET held = held + 1 WHERE {NUMBERED}",
        {"counters", "outcome", "bounds"},
    ),
    "sold counter": (
        f"UPDATE inventory_ticketgroup SET sold = sold + 1 WHERE {GENERAL}",
        {"counters", "outcome"},
    ),
    "quantity": (
        f"UPDATE inventory_ticketgroup SET quantity = 10 WHERE {GENERAL}",
        {"outcome"},
    ),
    "quantity below the claims": (
        f"UPDATE inventory_ticketgroup SET quantity = 1 WHERE {GENERAL}",
        {"bounds", "outcome"},
    ),
    "two claims on a seat": (
        "UPDATE holds_hold SET positions = '[0,2)' WHERE global_id = 'held'",
        {"overlaps", "labels"},
    ),
    "two claims that share one seat": (
        "UPDATE holds_hold SET positions = '[3,5)' WHERE global_id = 'held'",
        {"overlaps", "labels"},
    ),
    "a position outside the seat list": (
        "UPDATE holds_hold SET positions = '[5,7)' WHERE global_id = 'held'",
        {"positions", "labels"},
    ),
    "fewer positions than tickets": (
        "UPDATE holds_hold SET positions = '[4,5)' WHERE global_id = 'held'",
        {"positions", "labels"},
    ),
    "a sale without positions": (
        "UPDATE holds_hold SET positions = NULL WHERE global_id = 'invoiced'",
        {"positions"},
    ),
    "positions in general admission": (
        "UPDATE holds_hold SET positions = '[0,2)' WHERE global_id = 'general'",
        {"positions"},
    ),
    "seats of a hold": (
        "UPDATE holds_hold SET seats = '{98,99}' WHERE global_id = 'held'",
        {"labels", "tickets"},
    ),
    "seats of a sale moved in the list": (
        f"UPDATE inventory_ticketgroup SET seats = '{{8,7,9,10,11,12}}' WHERE {NUMBERED}",
        {"labels", "stocked_seats"},
    ),
    "a seat twice": (
        f"UPDATE inventory_ticketgroup SET seats = '{{7,7,8,9,10,11}}' WHERE {EMPTY}",
        {"seat_lists", "stocked_seats"},
    ),
    "a seat too few": (
        f"UPDATE inventory_ticketgroup SET seats = '{{7,8,9,10,11}}' WHERE {EMPTY}",
        {"seat_lists", "stocked_seats"},
    ),
    "a seat without a label": (
        f"UPDATE inventory_ticketgroup SET seats[1] = '' WHERE {EMPTY}",
        {"seat_lists", "stocked_seats"},
    ),
    "seats of the stock in the ledger": (
        f"UPDATE inventory_ledgerentry SET seats = '{{}}' WHERE number = 1 AND {ENTRY}",
        {"stocked_seats"},
    ),
    "a gap in the ledger": (
        f"UPDATE inventory_ledgerentry SET number = number + 1 WHERE number > 3 AND {ENTRY}",
        {"numbering"},
    ),
    "a number twice in the ledger": (
        f"""
        INSERT INTO inventory_ledgerentry (broker_id, group_id, number, effect, tickets, seats,
            global_id, quantity, held, sold, asked_by, request_id, at)
        SELECT broker_id, group_id, number, effect, 0, seats,
            global_id, quantity, held, sold, asked_by, request_id, at
        FROM inventory_ledgerentry WHERE number = 1 AND {ENTRY}
        """,
        {"numbering", "entries"},
    ),
    "the count of entries": (
        f"UPDATE inventory_ticketgroup SET entries = entries + 1 WHERE {EMPTY}",
        {"entries"},
    ),
    "the last entry gone": (
        "DELETE FROM inventory_ledgerentry WHERE global_id = 'held'",
        {"entries", "outcome", "histories"},
    ),
    "no ledger at all": (
        f"""
        DELETE FROM inventory_ledgerentry
        WHERE group_id = (SELECT id FROM inventory_ticketgroup WHERE {EMPTY})
        """,
        {"entries", "outcome"},
    ),
    "a counter in the ledger": (
        f"UPDATE inventory_ledgerentry SET sold = sold + 1 WHERE number = 2 AND {ENTRY}",
        {"replay"},
    ),
    "the tickets of an entry": (
        "UPDATE inventory_ledgerentry SET tickets = 1 WHERE global_id = 'held'",
        {"replay", "outcome", "tickets"},
    ),
    "the seats of an entry": (
        "UPDATE inventory_ledgerentry SET seats = '{1,2}' WHERE global_id = 'held'",
        {"tickets"},
    ),
    "the effect of an entry": (
        """
        UPDATE inventory_ledgerentry SET effect = 'released'
        WHERE global_id = 'expired' AND effect = 'expired'
        """,
        {"histories"},
    ),
    "the id of an entry": (
        "UPDATE inventory_ledgerentry SET global_id = 'nobody' WHERE global_id = 'held'",
        {"histories"},
    ),
    "an effect that does not exist": (
        "UPDATE inventory_ledgerentry SET effect = 'eaten' WHERE global_id = 'held'",
        {"histories", "replay", "outcome"},
    ),
    "the state of a hold": (
        "UPDATE holds_hold SET state = 'released' WHERE global_id = 'expired'",
        {"histories"},
    ),
    "a release that is no tombstone": (
        """
        UPDATE holds_hold SET group_id = (SELECT id FROM inventory_ticketgroup LIMIT 1)
        WHERE global_id = 'tombstone'
        """,
        {"histories"},
    ),
    "expired before its time": (
        "UPDATE holds_hold SET expires_at = expires_at + '1 day' WHERE global_id = 'expired'",
        {"early"},
    ),
    "a sale without its invoice": (
        f"DELETE FROM invoices_invoice WHERE {SALE}",
        {"sales"},
    ),
    "an invoice of a hold that is not sold": (
        f"""
        UPDATE invoices_invoice
        SET hold_id = (SELECT id FROM holds_hold WHERE global_id = 'expired') WHERE {SALE}
        """,
        {"sales", "amounts"},
    ),
    "a void without its record": (
        "DELETE FROM invoices_void",
        {"sales"},
    ),
    "a void of a sale that stands": (
        f"UPDATE invoices_void SET invoice_id = (SELECT id FROM invoices_invoice WHERE {SALE})",
        {"sales"},
    ),
    "tickets that are gone and still there": (
        "UPDATE invoices_void SET back_to_stock = false",
        {"gone"},
    ),
    "the order id": (
        f"UPDATE invoices_invoice SET order_id = 'o-2' WHERE {SALE}",
        {"amounts"},
    ),
    "the quantity invoiced": (
        f"UPDATE invoices_invoice SET quantity = 3 WHERE {SALE}",
        {"amounts"},
    ),
    "the price invoiced": (
        f"UPDATE invoices_invoice SET unit_price = 39 WHERE {SALE}",
        {"amounts"},
    ),
    "the total invoiced": (
        f"UPDATE invoices_invoice SET total = 79 WHERE {SALE}",
        {"amounts"},
    ),
    "the broker of a hold": (
        "UPDATE holds_hold SET broker_id = 999 WHERE global_id = 'held'",
        {"brokers"},
    ),
    "the broker of a ledger entry": (
        "UPDATE inventory_ledgerentry SET broker_id = 999 WHERE global_id = 'held'",
        {"brokers"},
    ),
    "the broker of a void": (
        "UPDATE invoices_void SET broker_id = 999",
        {"brokers"},
    ),
    "the broker of an invoice": (
        f"UPDATE invoices_invoice SET broker_id = 999 WHERE {SALE}",
        {"brokers"},
    ),
    "the broker of an event": (
        "UPDATE inventory_event SET broker_id = 999",
        {"brokers"},
    ),
    "the broker of an exception": (
        "UPDATE holds_orderexception SET broker_id = 999",
        {"brokers"},
    ),
}
