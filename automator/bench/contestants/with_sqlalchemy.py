"""FastAPI with SQLAlchemy's ORM, as most would write the three calls today."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ForeignKey, Numeric, String, create_engine, select
from sqlalchemy.dialects.postgresql import ARRAY, INT4RANGE, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from automator.bench.contestants.seats import first_fit

THREADS = int(os.environ.get("WEB_THREADS", "8"))
engine = create_engine(
    os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"),
    pool_size=THREADS,
    max_overflow=THREADS,
    pool_pre_ping=True,
)
LIVE = ("held", "invoiced")


class Base(DeclarativeBase):
    """The base of the tables."""


class Broker(Base):
    """The owner of the tickets."""

    __tablename__ = "broker"
    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str]
    hold_lifetime: Mapped[int]
    currency: Mapped[str]


class TicketGroup(Base):
    """Seats of one row."""

    __tablename__ = "ticket_group"
    id: Mapped[int] = mapped_column(primary_key=True)
    broker_id: Mapped[int] = mapped_column(ForeignKey("broker.id"))
    remote_id: Mapped[str]
    section: Mapped[str]
    row_name: Mapped[str]
    seats: Mapped[list[str]] = mapped_column(ARRAY(String))
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(9, 2))
    held: Mapped[int]
    sold: Mapped[int]
    entries: Mapped[int]


class Hold(Base):
    """A claim on seats of a group."""

    __tablename__ = "hold"
    id: Mapped[int] = mapped_column(primary_key=True)
    broker_id: Mapped[int] = mapped_column(ForeignKey("broker.id"))
    global_id: Mapped[str]
    group_id: Mapped[int] = mapped_column(ForeignKey("ticket_group.id"))
    quantity: Mapped[int]
    positions: Mapped[Range[int]] = mapped_column(INT4RANGE)
    unit_price: Mapped[Decimal] = mapped_column(Numeric(9, 2))
    state: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    order_id: Mapped[str | None]
    group: Mapped[TicketGroup] = relationship()


class LedgerEntry(Base):
    """One effect on a group."""

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("ticket_group.id"))
    number: Mapped[int]
    effect: Mapped[str]
    tickets: Mapped[int]
    global_id: Mapped[str]
    held: Mapped[int]
    sold: Mapped[int]
    at: Mapped[datetime]


class Invoice(Base):
    """A sale of a hold."""

    __tablename__ = "invoice"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str]
    hold_id: Mapped[int] = mapped_column(ForeignKey("hold.id"))
    quantity: Mapped[int]
    total: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    invoiced_at: Mapped[datetime]


WireId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-.0-~]+$")]


class HoldCall(BaseModel):
    """The body of a hold call."""

    remote_id: WireId
    quantity: Annotated[int, Field(ge=1)]
    global_id: WireId


class InvoiceCall(BaseModel):
    """The body of an invoice call."""

    order_id: WireId
    global_id: WireId


class HoldAnswer(BaseModel):
    """The answer to every call."""

    model_config = ConfigDict(from_attributes=True)

    global_id: str
    remote_id: str
    quantity: int
    status: str
    section: str
    row: str
    seats: list[str]
    unit_price: Decimal
    total: Decimal
    currency: str
    expires_at: datetime
    order_id: str | None


def session() -> Iterator[Session]:
    """Give each request a session of its own."""
    with Session(engine) as opened:
        yield opened


Database = Annotated[Session, Depends(session)]


def broker(database: Database, x_api_key: Annotated[str, Header()]) -> Broker:
    """Return the broker of the key.

    Raises:
        HTTPException: the key is wrong.
    """
    key_hash = hashlib.sha256(x_api_key.encode()).hexdigest()
    found = database.scalar(select(Broker).where(Broker.key_hash == key_hash))
    if found is None:
        raise HTTPException(401, "unauthenticated")
    return found


Caller = Annotated[Broker, Depends(broker)]
app = FastAPI()


@app.post("/api/v1/holds", status_code=201)
def place(call: HoldCall, database: Database, caller: Caller, response: Response) -> HoldAnswer:
    """Hold tickets."""
    group = database.scalar(
        select(TicketGroup)
        .where(TicketGroup.broker_id == caller.id, TicketGroup.remote_id == call.remote_id)
        .with_for_update(key_share=True)
    )
    hold = find(database, caller, call.global_id)
    if hold is not None:
        if group is None or (hold.group_id, hold.quantity) != (group.id, call.quantity):
            raise HTTPException(422, "global_id_reused")
        if hold.state == "released":
            raise HTTPException(409, "hold_released")
        response.status_code = 200
        return answer(hold, caller)
    if group is None:
        raise HTTPException(404, "ticket_group_not_found")
    live = database.scalars(select(Hold).where(Hold.group_id == group.id, Hold.state.in_(LIVE)))
    taken = [(one.positions.lower, one.positions.upper) for one in live]
    start = first_fit(group.quantity, taken, call.quantity)
    if start is None:
        raise HTTPException(409, "insufficient_tickets")
    now = datetime.now(UTC)
    hold = Hold(
        broker_id=caller.id,
        global_id=call.global_id,
        group=group,
        quantity=call.quantity,
        positions=Range(start, start + call.quantity),
        unit_price=group.price,
        state="held",
        created_at=now,
        expires_at=now + timedelta(seconds=caller.hold_lifetime),
    )
    database.add(hold)
    group.held += call.quantity
    record(database, hold, "held", now)
    return committed(database, hold, caller)


@app.post("/api/v1/holds/{global_id}/release")
def release(global_id: str, database: Database, caller: Caller) -> HoldAnswer:
    """Release a hold."""
    hold = locked(database, caller, global_id)
    if hold.state == "invoiced":
        raise HTTPException(409, "already_invoiced")
    if hold.state == "held":
        hold.state = "released"
        hold.group.held -= hold.quantity
        record(database, hold, "released", datetime.now(UTC))
    return committed(database, hold, caller)


@app.post("/api/v1/invoices", status_code=201)
def invoice(
    call: InvoiceCall, database: Database, caller: Caller, response: Response
) -> HoldAnswer:
    """Sell the tickets of a hold."""
    hold = locked(database, caller, call.global_id)
    if hold.state == "released":
        raise HTTPException(409, "hold_released")
    if hold.state == "invoiced":
        if hold.order_id != call.order_id:
            raise HTTPException(409, "order_conflict")
        response.status_code = 200
        return answer(hold, caller)
    now = datetime.now(UTC)
    hold.state, hold.order_id = "invoiced", call.order_id
    hold.group.held -= hold.quantity
    hold.group.sold += hold.quantity
    record(database, hold, "invoiced", now)
    total = hold.unit_price * hold.quantity
    database.add(
        Invoice(
            order_id=call.order_id,
            hold_id=hold.id,
            quantity=hold.quantity,
            total=total,
            invoiced_at=now,
        )
    )
    return committed(database, hold, caller)


def find(database: Session, caller: Broker, global_id: str) -> Hold | None:
    """Return the hold with a global id."""
    found: Hold | None = database.scalar(
        select(Hold).where(Hold.broker_id == caller.id, Hold.global_id == global_id)
    )
    return found


def locked(database: Session, caller: Broker, global_id: str) -> Hold:
    """Lock the group of a hold, and return the hold as read under the lock.

    Raises:
        HTTPException: there is no such hold.
    """
    hold = find(database, caller, global_id)
    if hold is None:
        raise HTTPException(404, "hold_not_found")
    database.scalar(
        select(TicketGroup).where(TicketGroup.id == hold.group_id).with_for_update(key_share=True)
    )
    database.refresh(hold)
    return hold


def record(database: Session, hold: Hold, effect: str, now: datetime) -> None:
    """Add an effect to the ledger."""
    group = hold.group
    group.entries += 1
    database.add(
        LedgerEntry(
            group_id=group.id,
            number=group.entries,
            effect=effect,
            tickets=hold.quantity,
            global_id=hold.global_id,
            held=group.held,
            sold=group.sold,
            at=now,
        )
    )


def committed(database: Session, hold: Hold, caller: Broker) -> HoldAnswer:
    """Commit, and return the answer."""
    made = answer(hold, caller)
    database.commit()
    return made


def answer(hold: Hold, caller: Broker) -> HoldAnswer:
    """Return a hold in the wire format."""
    group = hold.group
    facts: dict[str, Any] = {
        "global_id": hold.global_id,
        "remote_id": group.remote_id,
        "quantity": hold.quantity,
        "status": hold.state,
        "section": group.section,
        "row": group.row_name,
        "seats": group.seats[hold.positions.lower : hold.positions.upper],
        "unit_price": hold.unit_price,
        "total": hold.unit_price * hold.quantity,
        "currency": caller.currency,
        "expires_at": hold.expires_at,
        "order_id": hold.order_id,
    }
    return HoldAnswer(**facts)
