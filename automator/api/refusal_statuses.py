"""The HTTP status of each refusal of a service. Its code and meaning stand in the class itself."""

from holds import errors as holds
from inventory import errors as inventory
from inventory.errors import Refusal
from invoices import errors as invoices

REFUSAL_STATUSES: dict[type[Refusal], int] = {
    inventory.TicketGroupNotFound: 404,
    inventory.NotForSale: 409,
    inventory.InsufficientTickets: 409,
    inventory.SplitNotAllowed: 409,
    holds.HoldNotFound: 404,
    holds.HoldReleased: 409,
    holds.HoldExpired: 409,
    holds.SaleVoided: 409,
    holds.AlreadyInvoiced: 409,
    holds.GlobalIdReused: 422,
    invoices.OrderConflict: 409,
    invoices.TicketsUnavailable: 409,
    invoices.InvoiceNotFound: 404,
}
