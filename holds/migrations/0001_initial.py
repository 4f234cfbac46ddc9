"""Creates holds and exceptions, with the triggers that protect them."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import holds.models.holds
import holds.models.order_exceptions
from inventory import limits

# What a hold is in each state, and the changes of state that are allowed. No hold ever returns to the
# state held. What is below `TG_OP = 'UPDATE'` concerns facts that never change.
HOLD_ROW = f"""
CREATE FUNCTION holds_hold_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text := CASE
        WHEN NEW.state NOT IN ('held', 'released', 'expired', 'invoiced', 'voided')
            THEN 'hold_state_known'
        WHEN (NEW.state IN ('invoiced', 'voided')) <> (NEW.order_id IS NOT NULL)
            THEN 'hold_order_id_when_sold'
        WHEN coalesce(array_length(NEW.seats, 1), 0) NOT IN (0, NEW.quantity)
            THEN 'hold_seats_match_quantity'
        WHEN CASE WHEN NEW.state IN ('held', 'invoiced') AND cardinality(NEW.seats) > 0
                THEN NEW.positions IS NULL
                    OR upper(NEW.positions) - lower(NEW.positions) IS DISTINCT FROM NEW.quantity
                ELSE NEW.positions IS NOT NULL END
            THEN 'hold_positions_while_live'
        WHEN TG_OP = 'UPDATE' THEN NULL
        WHEN NEW.global_id !~ '{limits.ID_CHARACTERS}'
                AND NEW.global_id !~ '^{holds.models.holds.STAFF_PREFIX}[0-9a-f]{{16}}$'
            THEN 'hold_global_id_printable'
        WHEN (NEW.customer <> '' OR NEW.note <> '')
                AND NEW.global_id NOT LIKE '{holds.models.holds.STAFF_PREFIX}%'
            THEN 'hold_customer_of_staff'
        WHEN CASE WHEN NEW.group_id IS NULL
                THEN NEW.event_id IS NOT NULL OR NEW.remote_id IS NOT NULL
                    OR NEW.expires_at IS NOT NULL OR NEW.quantity <> 0
                    OR cardinality(NEW.seats) <> 0 OR NEW.state <> 'released'
                ELSE NEW.event_id IS NULL OR NEW.remote_id IS NULL OR NEW.expires_at IS NULL
                    OR NEW.quantity <= 0 OR NEW.section IS NULL OR NEW.row IS NULL
                    OR NEW.unit_price IS NULL END
            THEN 'hold_tombstone_holds_nothing'
        WHEN NEW.expires_at <= NEW.created_at THEN 'hold_expires_after_creation'
    END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('held', 'released'), ('held', 'expired'), ('held', 'invoiced'),
        ('expired', 'released'), ('expired', 'invoiced'), ('invoiced', 'voided')
    ) THEN
        RAISE EXCEPTION 'a hold does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_state_follows';
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row of "%" violates check constraint "%"', TG_TABLE_NAME, broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER holds_hold_row
BEFORE INSERT OR UPDATE OF state, order_id, seats, positions ON holds_hold
FOR EACH ROW EXECUTE FUNCTION holds_hold_row();
"""
# The facts with which a hold was made never change.
FACTS = """
CREATE FUNCTION holds_hold_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a hold was made with never changes'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'hold_facts_fixed';
END $$;

CREATE TRIGGER holds_hold_facts
BEFORE UPDATE OF broker_id, global_id, group_id, event_id, remote_id, quantity, section, row,
    unit_price, currency, created_at, expires_at, customer, note ON holds_hold
FOR EACH ROW EXECUTE FUNCTION holds_hold_facts();
"""
# Holds are never deleted.
KEPT = """
CREATE TRIGGER holds_hold_kept BEFORE DELETE ON holds_hold
FOR EACH ROW EXECUTE FUNCTION automator_append_only();

CREATE TRIGGER holds_hold_not_truncated BEFORE TRUNCATE ON holds_hold
FOR EACH STATEMENT EXECUTE FUNCTION automator_append_only();
"""
# A live claim keeps the seats that it was given, even when the seats of its group change. The checks
# are deferred, because a change of stock writes the positions and the seats one after the other.
# There is one function for each table, so that each query compares columns with parameters and
# nothing else: PL/pgSQL caches its plan for all later calls. Sequential scans are turned off
# because such a plan may be older than most of the rows.
SEATS = """
CREATE FUNCTION holds_hold_seats() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    -- A claim that is changed again later in the transaction is checked by a later call.
    IF EXISTS (
        SELECT FROM inventory_ticketgroup g
        WHERE g.id = NEW.group_id
            AND CASE WHEN NEW.positions IS NULL THEN g.seats <> '{}'
                ELSE NEW.seats <> g.seats[lower(NEW.positions) + 1 : upper(NEW.positions)] END
    ) AND EXISTS (
        SELECT FROM holds_hold h
        WHERE h.id = NEW.id AND h.state IN ('held', 'invoiced') AND h.seats = NEW.seats
            AND h.positions IS NOT DISTINCT FROM NEW.positions
    ) THEN
        RAISE EXCEPTION 'a live claim would have other seats than it was given'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_seats_stay';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER holds_hold_seats_claimed AFTER INSERT ON holds_hold
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.state IN ('held', 'invoiced')) EXECUTE FUNCTION holds_hold_seats();

CREATE CONSTRAINT TRIGGER holds_hold_seats_moved AFTER UPDATE OF positions, seats ON holds_hold
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.state IN ('held', 'invoiced')
    AND (OLD.positions IS DISTINCT FROM NEW.positions OR OLD.seats <> NEW.seats))
EXECUTE FUNCTION holds_hold_seats();

CREATE FUNCTION holds_ticketgroup_seats() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM holds_hold h JOIN inventory_ticketgroup g ON g.id = h.group_id
        WHERE h.group_id = NEW.id AND h.state IN ('held', 'invoiced')
            AND CASE WHEN h.positions IS NULL THEN g.seats <> '{}'
                ELSE h.seats <> g.seats[lower(h.positions) + 1 : upper(h.positions)] END
    ) THEN
        RAISE EXCEPTION 'a live claim would have other seats than it was given'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_seats_stay';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER holds_hold_seats_listed AFTER UPDATE OF seats ON inventory_ticketgroup
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.seats <> NEW.seats AND NEW.held + NEW.sold > 0)
EXECUTE FUNCTION holds_ticketgroup_seats();
"""

# Every key contains the broker. inventory's migration says why.
PRIMARY_KEYS_WITH_BROKER = """
ALTER TABLE holds_hold DROP CONSTRAINT holds_hold_pkey,
    ADD CONSTRAINT holds_hold_pkey PRIMARY KEY (id, broker_id);
ALTER TABLE holds_orderexception DROP CONSTRAINT holds_orderexception_pkey,
    ADD CONSTRAINT holds_orderexception_pkey PRIMARY KEY (id, broker_id);
"""
FOREIGN_KEYS_WITH_BROKER = """
ALTER TABLE holds_hold ADD CONSTRAINT hold_group_of_same_broker
    FOREIGN KEY (group_id, broker_id) REFERENCES inventory_ticketgroup (id, broker_id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE holds_hold ADD CONSTRAINT hold_event_of_same_broker
    FOREIGN KEY (event_id, broker_id) REFERENCES inventory_event (id, broker_id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE holds_orderexception ADD CONSTRAINT orderexception_hold_of_same_broker
    FOREIGN KEY (hold_id, broker_id) REFERENCES holds_hold (id, broker_id)
    DEFERRABLE INITIALLY DEFERRED;
"""


def checked_by_trigger(model_name: str, constraint: models.CheckConstraint) -> Operation:
    """Let Django know a constraint that a trigger enforces under the same name.

    PostgreSQL prepares every CHECK of a table anew for each statement that writes to the table, which
    took a third of a call's time in the database. A trigger's function is prepared once a session.
    """
    return migrations.SeparateDatabaseAndState(
        state_operations=[migrations.AddConstraint(model_name, constraint)]
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("inventory", "0001_initial"),
    ]

    operations = [
        # For the exclusion constraint, which compares a plain column as well as a range.
        BtreeGistExtension(),
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("global_id", models.CharField(max_length=128)),
                ("remote_id", models.CharField(max_length=128, null=True)),
                ("quantity", models.IntegerField()),
                ("positions", django.contrib.postgres.fields.ranges.IntegerRangeField(null=True)),
                ("section", models.CharField(max_length=100, null=True)),
                ("row", models.CharField(max_length=100, null=True)),
                (
                    "seats",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), default=list, size=None
                    ),
                ),
                ("unit_price", models.DecimalField(decimal_places=2, max_digits=9, null=True)),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                            ("invoiced", "Invoiced"),
                            ("voided", "Voided"),
                        ],
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                ("order_id", models.CharField(max_length=128, null=True)),
                (
                    "customer",
                    models.CharField(
                        blank=True,
                        help_text="The person for whom staff hold the tickets.",
                        max_length=200,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=1000)),
                (
                    "broker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="inventory.broker",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="inventory.event",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="inventory.ticketgroup",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="OrderException",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=holds.models.order_exceptions.new_public_id,
                        editable=False,
                        help_text="The id that was given to the marketplace for this exception.",
                        max_length=16,
                        verbose_name="exception id",
                    ),
                ),
                ("global_id", models.CharField(max_length=128)),
                ("order_id", models.CharField(max_length=128)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("hold_not_found", "Invoice without a hold"),
                            ("hold_released", "Invoice after release"),
                            ("sale_voided", "Invoice after void"),
                            ("tickets_unavailable", "Invoice after expiry, tickets gone"),
                            ("order_conflict", "Invoice under a second order id"),
                            ("already_invoiced", "Release after invoice"),
                            ("late_invoice", "Invoice after expiry, honoured"),
                            ("late_off_sale", "Invoice after expiry, honoured while off sale"),
                            ("sold_by_staff", "Invoice of an order that staff have sold"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=2, max_digits=14, null=True, verbose_name="money at risk"
                    ),
                ),
                ("currency", models.CharField(blank=True, max_length=3)),
                (
                    "answer",
                    models.CharField(
                        help_text="The code of the answer to the caller.", max_length=40
                    ),
                ),
                ("times", models.IntegerField(help_text="How many times the call came.")),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_by", models.CharField(blank=True, max_length=200)),
                ("note", models.CharField(blank=True, max_length=1000)),
                (
                    "broker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exceptions",
                        to="inventory.broker",
                    ),
                ),
                (
                    "hold",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exceptions",
                        to="holds.hold",
                    ),
                ),
            ],
            options={
                "verbose_name": "exception",
                "ordering": ["-id"],
            },
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["group", "state", "expires_at"], name="hold_of_group"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("state", "held")),
                fields=["expires_at"],
                name="hold_held_expires_at",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("global_id__startswith", "staff/")),
                fields=["broker", "order_id"],
                name="hold_of_staff_order_id",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.UniqueConstraint(
                fields=("broker", "global_id"),
                name="hold_global_id_unique",
                violation_error_message="This broker has a hold with that global id.",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("state__in", ("held", "invoiced"))),
                expressions=[("broker", "="), ("group", "="), ("positions", "&&")],
                name="hold_seats_claimed_once",
                violation_error_message="A seat can have only one live hold or sale.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("global_id__regex", "^[!-.0-~]+$"),
                    ("global_id__regex", "^staff/[0-9a-f]{16}$"),
                    _connector="OR",
                ),
                name="hold_global_id_printable",
                violation_error_message="A global id is 1 to 128 printable ASCII characters with no space and no slash.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("customer", ""), ("note", "")),
                    ("global_id__startswith", "staff/"),
                    _connector="OR",
                ),
                name="hold_customer_of_staff",
                violation_error_message="Only a hold by staff has a customer and a note.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["held", "released", "expired", "invoiced", "voided"])
                ),
                name="hold_state_known",
                violation_error_message="There is no such state of a hold.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("event__isnull", False),
                        ("expires_at__isnull", False),
                        ("group__isnull", False),
                        ("quantity__gt", 0),
                        ("remote_id__isnull", False),
                        ("row__isnull", False),
                        ("section__isnull", False),
                        ("unit_price__isnull", False),
                    ),
                    models.Q(
                        ("event__isnull", True),
                        ("expires_at__isnull", True),
                        ("group__isnull", True),
                        ("quantity", 0),
                        ("remote_id__isnull", True),
                        ("seats__len", 0),
                        ("state", "released"),
                    ),
                    _connector="OR",
                ),
                name="hold_tombstone_holds_nothing",
                violation_error_message="Only a release that came before its hold has no tickets.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("seats__len", 0), ("seats__len", models.F("quantity")), _connector="OR"
                ),
                name="hold_seats_match_quantity",
                violation_error_message="A hold has as many seats as tickets, or none.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("positions__isnull", False),
                        ("seats__len__gt", 0),
                        ("state__in", ("held", "invoiced")),
                        ("quantity", holds.models.holds.Length("positions")),
                    ),
                    models.Q(
                        models.Q(
                            ("state__in", ("held", "invoiced")),
                            ("seats__len__gt", 0),
                            _negated=True,
                        ),
                        ("positions__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="hold_positions_while_live",
                violation_error_message="Only a live hold of numbered seats has positions, and it has as many positions as tickets.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("order_id__isnull", False), ("state__in", ["invoiced", "voided"])),
                    models.Q(
                        models.Q(("state__in", ["invoiced", "voided"]), _negated=True),
                        ("order_id__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="hold_order_id_when_sold",
                violation_error_message="A hold has an order id once it is invoiced, not before.",
            ),
        ),
        checked_by_trigger(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at__isnull", True),
                    ("expires_at__gt", models.F("created_at")),
                    _connector="OR",
                ),
                name="hold_expires_after_creation",
                violation_error_message="A hold must expire later than it was made.",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderexception",
            constraint=models.UniqueConstraint(
                fields=("public_id", "broker"),
                name="orderexception_public_id_unique",
                violation_error_message="An exception with that exception id exists already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderexception",
            constraint=models.UniqueConstraint(
                fields=("broker", "global_id", "order_id", "reason"),
                name="orderexception_unique",
                violation_error_message="An order has only one exception for each reason.",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderexception",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        [
                            "hold_not_found",
                            "hold_released",
                            "sale_voided",
                            "tickets_unavailable",
                            "order_conflict",
                            "already_invoiced",
                            "late_invoice",
                            "late_off_sale",
                            "sold_by_staff",
                        ],
                    )
                ),
                name="orderexception_reason_known",
                violation_error_message="There is no such reason.",
            ),
        ),
        migrations.RunSQL(
            HOLD_ROW,
            """
            DROP TRIGGER holds_hold_row ON holds_hold;
            DROP FUNCTION holds_hold_row();
            """,
        ),
        migrations.RunSQL(
            FACTS,
            """
            DROP TRIGGER holds_hold_facts ON holds_hold;
            DROP FUNCTION holds_hold_facts();
            """,
        ),
        migrations.RunSQL(
            KEPT,
            """
            DROP TRIGGER holds_hold_kept ON holds_hold;
            DROP TRIGGER holds_hold_not_truncated ON holds_hold;
            """,
        ),
        migrations.RunSQL(
            SEATS,
            """
            DROP TRIGGER holds_hold_seats_claimed ON holds_hold;
            DROP TRIGGER holds_hold_seats_moved ON holds_hold;
            DROP TRIGGER holds_hold_seats_listed ON inventory_ticketgroup;
            DROP FUNCTION holds_hold_seats();
            DROP FUNCTION holds_ticketgroup_seats();
            """,
        ),
        migrations.RunSQL(PRIMARY_KEYS_WITH_BROKER, migrations.RunSQL.noop),
        migrations.RunSQL(FOREIGN_KEYS_WITH_BROKER, migrations.RunSQL.noop),
    ]
