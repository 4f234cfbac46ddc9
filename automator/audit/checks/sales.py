"""Checks of invoices and voids, and of the brokers that rows belong to."""

from automator.audit.checks.registry import check


@check("Hold {name}: is {state}; there is {invoice} and {void}.")
def sales() -> str:
    """An invoiced hold has an invoice, a voided one also has a void, and no other hold has any."""
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
    """An invoice has its hold's order id and quantity and, unless staff made it, its price."""
    return """
        SELECT h.name, h.order_id, h.quantity, h.unit_price || ' ' || h.currency AS price,
            i.order_id AS invoiced_order_id, i.quantity AS invoiced_quantity,
            i.unit_price || ' ' || i.currency AS invoiced_price, i.total
        FROM hold h JOIN invoices_invoice i ON i.hold_id = h.id
        WHERE (i.order_id, i.quantity, i.currency, i.total) IS DISTINCT FROM
                (h.order_id, h.quantity, h.currency, h.quantity * i.unit_price)
            OR (i.unit_price <> h.unit_price AND NOT starts_with(h.global_id, %(by_staff)s))
        ORDER BY h.id
    """


@check(
    "Hold {name}: the void says that its {quantity} tickets {says}, the ledger that they {told}."
)
def gone() -> str:
    """The next ledger entry after a void removes its tickets from stock if and only if they are
    gone, and it has the same time."""
    return """
        SELECT h.name, h.quantity,
            CASE WHEN v.back_to_stock THEN 'went back to stock' ELSE 'are gone' END AS says,
            CASE WHEN o.id IS NULL THEN 'did not leave the group' ELSE 'left the group' END AS told
        FROM invoices_void v
        JOIN invoices_invoice i ON i.id = v.invoice_id
        JOIN hold h ON h.id = i.hold_id
        JOIN inventory_ledgerentry e ON e.group_id = h.group_id AND e.global_id = h.global_id
            AND e.effect = 'voided'
        LEFT JOIN inventory_ledgerentry o ON o.group_id = e.group_id AND o.number = e.number + 1
            AND o.effect = 'stocked' AND o.tickets = -h.quantity AND o.at = e.at
        WHERE v.back_to_stock <> (o.id IS NULL) ORDER BY h.id
    """


@check("{what} {name}: belongs to broker {broker}, its {other} to broker {owner}.")
def brokers() -> str:
    """Rows that refer to each other belong to the same broker."""
    return """
        SELECT what, name, broker, other, owner FROM (
            SELECT 'Ticket group' AS what, g.name, g.broker_id AS broker, 'event' AS other,
                e.broker_id AS owner
            FROM ticketgroup g JOIN inventory_event e ON e.id = g.event_id
            UNION ALL
            SELECT 'Hold', h.name, h.broker_id, 'ticket group', g.broker_id
            FROM hold h JOIN inventory_ticketgroup g ON g.id = h.group_id
            UNION ALL
            SELECT 'Ledger entry', format('%%s of %%s', e.number, g.name), e.broker_id,
                'ticket group', g.broker_id
            FROM inventory_ledgerentry e JOIN ticketgroup g ON g.id = e.group_id
            UNION ALL
            SELECT 'Invoice', i.order_id, i.broker_id, 'hold', h.broker_id
            FROM invoices_invoice i JOIN holds_hold h ON h.id = i.hold_id
            UNION ALL
            SELECT 'Void of', i.order_id, v.broker_id, 'invoice', i.broker_id
            FROM invoices_void v JOIN invoices_invoice i ON i.id = v.invoice_id
            UNION ALL
            SELECT 'Exception', x.global_id, x.broker_id, 'hold', h.broker_id
            FROM holds_orderexception x JOIN holds_hold h ON h.id = x.hold_id
        ) facts WHERE broker <> owner ORDER BY what, name
    """
