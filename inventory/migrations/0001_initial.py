"""Creates the tables of the inventory, with the constraints and triggers that guard them."""

from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

import inventory.models.events
from inventory import limits

# Triggers with this function make a table append-only: its rows cannot be changed, deleted or
# truncated. The migrations of other apps use the function too. On a partition, the constraint is
# named after the partitioned table.
APPEND_ONLY = """
CREATE FUNCTION automator_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation',
            CONSTRAINT = coalesce(pg_partition_root(TG_RELID), TG_RELID)::regclass || '_append_only';
END $$;
"""
LEDGER_APPEND_ONLY = """
CREATE TRIGGER inventory_ledgerentry_append_only
BEFORE UPDATE OR DELETE ON inventory_ledgerentry
FOR EACH ROW EXECUTE FUNCTION automator_append_only();

CREATE TRIGGER inventory_ledgerentry_not_truncated
BEFORE TRUNCATE ON inventory_ledgerentry
FOR EACH STATEMENT EXECUTE FUNCTION automator_append_only();
"""
# What a ticket group is, apart from the counters. The trigger runs only when one of these columns is
# written, so not in calls. The constraints of the counters are CHECKs.
TICKET_GROUP_FACTS = f"""
CREATE FUNCTION inventory_ticketgroup_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text := CASE
        WHEN NEW.remote_id !~ '{limits.ID_CHARACTERS}' THEN 'ticketgroup_remote_id_printable'
        WHEN coalesce(array_length(NEW.seats, 1), 0) NOT IN (0, NEW.quantity)
            THEN 'ticketgroup_seats_match_quantity'
        WHEN NEW.stride NOT IN (1, 2) THEN 'ticketgroup_stride_known'
        WHEN NEW.split_rule NOT IN ('any', 'none', 'never_leave_one', 'pairs', 'custom')
            THEN 'ticketgroup_split_rule_known'
        WHEN (NEW.split_rule = 'custom') <> (cardinality(NEW.split_quantities) > 0)
            THEN 'ticketgroup_split_quantities_custom'
        WHEN 1 > ANY (NEW.split_quantities) THEN 'ticketgroup_split_quantities_positive'
        WHEN NEW.stock_type NOT IN ('', 'ELECTRONIC', 'HARD', 'MOBILE_TRANSFER',
            'MOBILE_SCREENCAP', 'PAPERLESS', 'PAPERLESS_CARD', 'FLASH')
            THEN 'ticketgroup_stock_type_known'
        WHEN NEW.price NOT BETWEEN 0 AND {limits.HIGHEST_PRICE} THEN 'ticketgroup_price_in_range'
    END;
BEGIN
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row of "%" violates check constraint "%"', TG_TABLE_NAME, broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER inventory_ticketgroup_facts
BEFORE INSERT OR UPDATE OF remote_id, quantity, seats, stride, split_rule, split_quantities,
    stock_type, price ON inventory_ticketgroup
FOR EACH ROW EXECUTE FUNCTION inventory_ticketgroup_facts();
"""
# A seat that is listed twice could be sold twice. Converting the list to a tsvector, which has each
# word once, is the quickest test. A tsvector is limited to one megabyte, so the distinct seats of
# longer lists are counted instead.
TICKET_GROUP_SEATS = """
CREATE FUNCTION inventory_ticketgroup_seats() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    twice boolean := false;
BEGIN
    IF cardinality(NEW.seats) > 0 THEN
        IF '' = ANY (NEW.seats) OR array_position(NEW.seats, NULL) IS NOT NULL THEN
            RAISE EXCEPTION 'a seat of the ticket group has no label'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_seats_labelled';
        END IF;
        IF cardinality(NEW.seats) > 1000 THEN
            twice := (SELECT count(*) <> count(DISTINCT seat) FROM unnest(NEW.seats) seat);
        ELSE
            twice := length(array_to_tsvector(NEW.seats::text[])) <> cardinality(NEW.seats);
        END IF;
        IF twice THEN
            RAISE EXCEPTION 'a seat is listed twice in the ticket group'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_seats_distinct';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER inventory_ticketgroup_seats
BEFORE INSERT OR UPDATE OF seats ON inventory_ticketgroup
FOR EACH ROW EXECUTE FUNCTION inventory_ticketgroup_seats();
"""
LEDGER_ENTRY = """
CREATE FUNCTION inventory_ledgerentry_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text := CASE
        WHEN NEW.effect NOT IN ('stocked', 'held', 'released', 'released_late', 'expired',
            'invoiced', 'invoiced_late', 'voided') THEN 'ledgerentry_effect_known'
        WHEN NEW.tickets <= 0 AND NEW.effect <> 'stocked' THEN 'ledgerentry_tickets_signed'
        WHEN NEW.held < 0 OR NEW.sold < 0 OR NEW.held + NEW.sold > NEW.quantity
            THEN 'ledgerentry_counters_add_up'
    END;
BEGIN
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row of "%" violates check constraint "%"', TG_TABLE_NAME, broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER inventory_ledgerentry_facts BEFORE INSERT ON inventory_ledgerentry
FOR EACH ROW EXECUTE FUNCTION inventory_ledgerentry_facts();
"""
# The fill factor leaves room in each page for new versions of rows, because every call changes the
# counters.
TICKET_GROUP_STORAGE = "ALTER TABLE inventory_ticketgroup SET (fillfactor = 70)"
# Every key of a broker's table contains the broker. PostgreSQL then refuses a row that refers to a
# row of another broker, and the tables can be partitioned or distributed by broker. The id comes
# first, so that rows are found by their id alone. Django's models keep `id` as their primary key.
#
# A primary key must be made after all other indexes of its table. While a table has few rows and
# was never analysed, an index that begins with the broker costs as much for the check of a foreign
# key as the primary key does. PostgreSQL then takes the newest index, and a session keeps that plan
# however large the table gets, until it is analysed.
PRIMARY_KEYS_WITH_BROKER = """
ALTER TABLE inventory_event DROP CONSTRAINT inventory_event_pkey,
    ADD CONSTRAINT inventory_event_pkey PRIMARY KEY (id, broker_id);
ALTER TABLE inventory_ticketgroup DROP CONSTRAINT inventory_ticketgroup_pkey,
    ADD CONSTRAINT inventory_ticketgroup_pkey PRIMARY KEY (id, broker_id);
ALTER TABLE inventory_ledgerentry DROP CONSTRAINT inventory_ledgerentry_pkey,
    ADD CONSTRAINT inventory_ledgerentry_pkey PRIMARY KEY (id, broker_id);
ALTER TABLE inventory_import DROP CONSTRAINT inventory_import_pkey,
    ADD CONSTRAINT inventory_import_pkey PRIMARY KEY (id, broker_id);
"""
# The foreign keys between brokers' tables, which Django's fields leave to this SQL.
FOREIGN_KEYS_WITH_BROKER = """
ALTER TABLE inventory_ticketgroup ADD CONSTRAINT ticketgroup_event_of_same_broker
    FOREIGN KEY (event_id, broker_id) REFERENCES inventory_event (id, broker_id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE inventory_ledgerentry ADD CONSTRAINT ledgerentry_group_of_same_broker
    FOREIGN KEY (group_id, broker_id) REFERENCES inventory_ticketgroup (id, broker_id)
    DEFERRABLE INITIALLY DEFERRED;
"""
# Rows that are still to be applied are only staged and need no write-ahead log: if a crash empties
# them, the file is imported again. Refused rows are kept for staff, with a foreign key to the import.
IMPORT_ROWS = """
ALTER TABLE inventory_importrow RENAME TO inventory_importrow_columns;
ALTER TABLE inventory_importrow_columns
    RENAME CONSTRAINT inventory_importrow_pkey TO inventory_importrow_columns_pkey;
CREATE TABLE inventory_importrow (
    LIKE inventory_importrow_columns INCLUDING DEFAULTS INCLUDING IDENTITY,
    CONSTRAINT inventory_importrow_pkey PRIMARY KEY (job_id, verdict, id, broker_id)
) PARTITION BY LIST (verdict);
CREATE TABLE inventory_importrow_refused PARTITION OF inventory_importrow (
    CONSTRAINT importrow_job_of_same_broker FOREIGN KEY (job_id, broker_id)
        REFERENCES inventory_import (id, broker_id) DEFERRABLE INITIALLY DEFERRED
) FOR VALUES IN ('refused');
CREATE UNLOGGED TABLE inventory_importrow_pending PARTITION OF inventory_importrow
    FOR VALUES IN ('new', 'changed', 'vanished');
DROP TABLE inventory_importrow_columns;
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

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Broker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "hold_lifetime",
                    models.IntegerField(
                        default=900,
                        help_text="How long a hold lasts, in seconds. 15 minutes (900) is usual.",
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        default="USD",
                        help_text="The currency of all prices, as an ISO 4217 code.",
                        max_length=3,
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        default="America/New_York",
                        help_text="The time zone of new events. Each event can have another one.",
                        max_length=64,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("name__isnull", False)),
                        fields=("name",),
                        name="broker_name_unique",
                        violation_error_message="A broker of that name exists already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hold_lifetime__gte", 1), ("hold_lifetime__lte", 86400)
                        ),
                        name="broker_hold_lifetime_sane",
                        violation_error_message="A hold lasts from 1 second to 1 day (86400 seconds).",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="broker_currency_code",
                        violation_error_message="A currency code has three capital letters, such as USD.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=300)),
                ("venue", models.CharField(max_length=300)),
                (
                    "date",
                    models.DateField(
                        blank=True, help_text="Leave empty if it is to be announced.", null=True
                    ),
                ),
                (
                    "time",
                    models.TimeField(
                        blank=True, help_text="Leave empty if it is to be announced.", null=True
                    ),
                ),
                ("time_zone", models.CharField(default="America/New_York", max_length=64)),
                (
                    "past_at",
                    models.GeneratedField(
                        db_persist=True,
                        expression=inventory.models.events.PastAt(),
                        output_field=models.DateTimeField(null=True),
                    ),
                ),
                (
                    "broker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="inventory.broker",
                    ),
                ),
            ],
            options={
                "ordering": ["date", "time", "name"],
            },
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_by", models.CharField(max_length=200)),
                ("file_name", models.CharField(max_length=255)),
                ("format", models.CharField(blank=True, max_length=10)),
                (
                    "fields",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("events", models.JSONField(blank=True, default=list)),
                (
                    "headers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "ignored",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "not_kept",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("snapshot", models.BooleanField(default=False)),
                ("strict", models.BooleanField(default=False, verbose_name="all or nothing")),
                (
                    "quantities",
                    models.CharField(
                        choices=[
                            ("all", "All tickets, including those held and sold"),
                            ("free", "Only free tickets, without those held and sold"),
                        ],
                        default="all",
                        max_length=4,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checked", "Checked, nothing applied yet"),
                            ("confirm", "Waiting for confirmation"),
                            ("applying", "Partly applied"),
                            ("done", "Done"),
                            ("refused", "Refused as a whole"),
                            ("dry_run", "Preview only; nothing is applied"),
                            ("superseded", "Superseded by a newer book"),
                            ("lost", "Interrupted; upload the file again"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        help_text="Why the import was refused or needs confirmation.",
                        max_length=2000,
                    ),
                ),
                ("as_of", models.DateTimeField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                ("new", models.IntegerField(default=0)),
                ("changed", models.IntegerField(default=0)),
                ("unchanged", models.IntegerField(default=0)),
                ("refused", models.IntegerField(default=0)),
                ("vanished", models.IntegerField(default=0)),
                (
                    "applied",
                    models.IntegerField(
                        default=0, help_text="How many new, changed and vanished rows are applied."
                    ),
                ),
                (
                    "broker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imports",
                        to="inventory.broker",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "line",
                    models.IntegerField(
                        help_text="The line of the file, or 0 for a group that vanished from it."
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("changed", "Changed"),
                            ("vanished", "Vanished from the book"),
                            ("refused", "Refused"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "cells",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                (
                    "problems",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("group_id", models.BigIntegerField(null=True)),
                ("event_id", models.BigIntegerField(null=True)),
                ("remote_id", models.TextField()),
                ("event_name", models.TextField()),
                ("venue", models.TextField()),
                ("date", models.DateField(null=True)),
                ("time", models.TimeField(null=True)),
                ("section", models.TextField()),
                ("row", models.TextField()),
                (
                    "seats",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("stride", models.SmallIntegerField(null=True)),
                ("quantity", models.IntegerField()),
                ("split_rule", models.TextField()),
                (
                    "split_quantities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, size=None
                    ),
                ),
                ("price", models.DecimalField(decimal_places=2, max_digits=9, null=True)),
                ("cost", models.DecimalField(decimal_places=2, max_digits=9, null=True)),
                ("face_value", models.DecimalField(decimal_places=2, max_digits=9, null=True)),
                ("stock_type", models.TextField(null=True)),
                ("in_hand_on", models.DateField(null=True)),
                ("public_notes", models.TextField(null=True)),
                ("internal_notes", models.TextField(null=True)),
                ("on_sale", models.BooleanField(null=True)),
                (
                    "growth",
                    models.IntegerField(
                        db_default=0,
                        default=0,
                        help_text="How many tickets of an existing group this row would free.",
                    ),
                ),
                (
                    "broker",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.broker",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="inventory.import",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="TicketGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "remote_id",
                    models.CharField(
                        help_text="The broker's own id of the group. The marketplace uses it in its calls.",
                        max_length=128,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[!-.0-~]{1,128}\\Z",
                                "1 to 128 printable ASCII characters with no space and no slash.",
                            )
                        ],
                    ),
                ),
                ("section", models.CharField(max_length=100)),
                ("row", models.CharField(max_length=100)),
                (
                    "seats",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        help_text="Seat labels in order. Leave empty if the tickets have no seat numbers.",
                        size=None,
                    ),
                ),
                (
                    "stride",
                    models.SmallIntegerField(
                        blank=True,
                        choices=[
                            (None, "As the seat numbers say"),
                            (1, "Seats next to each other"),
                            (2, "Every other seat (odd or even row)"),
                        ],
                        help_text="Which seats of this group are neighbours. “As the seat numbers say” means every other seat if all numbers are odd or all are even.",
                        null=True,
                        verbose_name="seat spacing",
                    ),
                ),
                (
                    "quantity",
                    models.IntegerField(
                        help_text="How many tickets the group has, including those held and sold."
                    ),
                ),
                (
                    "split_rule",
                    models.CharField(
                        choices=[
                            ("any", "Any"),
                            ("none", "None (all together)"),
                            ("never_leave_one", "Never leave one"),
                            ("pairs", "Pairs"),
                            ("custom", "Custom"),
                        ],
                        default="any",
                        max_length=16,
                    ),
                ),
                (
                    "split_quantities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        blank=True,
                        default=list,
                        help_text="The quantities that a custom split rule allows.",
                        size=None,
                    ),
                ),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=2, help_text="The asking price of one ticket.", max_digits=9
                    ),
                ),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="What the broker paid for one ticket.",
                        max_digits=9,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(Decimal(1000000)),
                        ],
                    ),
                ),
                (
                    "face_value",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        max_digits=9,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(Decimal(1000000)),
                        ],
                    ),
                ),
                (
                    "stock_type",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ELECTRONIC", "Electronic"),
                            ("HARD", "Hard stock"),
                            ("MOBILE_TRANSFER", "Mobile transfer"),
                            ("MOBILE_SCREENCAP", "Mobile screen capture"),
                            ("PAPERLESS", "Paperless"),
                            ("PAPERLESS_CARD", "Paperless card"),
                            ("FLASH", "Flash Seats"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "in_hand_on",
                    models.DateField(
                        blank=True,
                        help_text="Leave empty if the tickets are in hand now.",
                        null=True,
                        verbose_name="in-hand date",
                    ),
                ),
                ("public_notes", models.CharField(blank=True, max_length=1000)),
                ("internal_notes", models.CharField(blank=True, max_length=1000)),
                (
                    "on_sale",
                    models.BooleanField(
                        default=True, help_text="Untick to take the group off sale."
                    ),
                ),
                (
                    "listed",
                    models.BooleanField(
                        default=True,
                        editable=False,
                        help_text="Whether the broker's latest book has this group. A group that has vanished is off sale.",
                    ),
                ),
                ("held", models.IntegerField(default=0, editable=False)),
                ("sold", models.IntegerField(default=0, editable=False)),
                (
                    "entries",
                    models.IntegerField(
                        default=0,
                        editable=False,
                        help_text="How many entries the group has in the ledger.",
                    ),
                ),
                (
                    "broker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ticket_groups",
                        to="inventory.broker",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ticket_groups",
                        to="inventory.event",
                    ),
                ),
            ],
            options={
                "ordering": ["event", "section", "row", "id"],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                (
                    "effect",
                    models.CharField(
                        choices=[
                            ("stocked", "Stocked"),
                            ("held", "Held"),
                            ("released", "Released"),
                            ("released_late", "Released after expiry"),
                            ("expired", "Expired"),
                            ("invoiced", "Invoiced"),
                            ("invoiced_late", "Invoiced late"),
                            ("voided", "Voided"),
                        ],
                        max_length=16,
                    ),
                ),
                ("tickets", models.IntegerField()),
                (
                    "seats",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("global_id", models.CharField(blank=True, max_length=128)),
                ("quantity", models.IntegerField()),
                ("held", models.IntegerField()),
                ("sold", models.IntegerField()),
                ("asked_by", models.CharField(max_length=200)),
                ("request_id", models.CharField(blank=True, max_length=128)),
                ("at", models.DateTimeField()),
                (
                    "broker",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger",
                        to="inventory.broker",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger",
                        to="inventory.ticketgroup",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "ledger",
                "ordering": ["-id"],
            },
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["broker"], name="event_of_broker"),
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(fields=["broker"], name="import_of_broker"),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                condition=models.Q(("name__isnull", False)),
                fields=("broker", "name", "venue", "date", "time"),
                name="event_unique",
                nulls_distinct=False,
                violation_error_message="This broker has that event already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("time__isnull", True), ("date__isnull", False), _connector="OR"
                ),
                name="event_time_needs_date",
                violation_error_message="An event with a time needs a date.",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "checked",
                            "confirm",
                            "applying",
                            "done",
                            "refused",
                            "dry_run",
                            "superseded",
                            "lost",
                        ],
                    )
                ),
                name="import_state_known",
                violation_error_message="This is not a state of an import.",
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("applied__gte", 0),
                    (
                        "applied__lte",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("new"), "+", models.F("changed")
                            ),
                            "+",
                            models.F("vanished"),
                        ),
                    ),
                ),
                name="import_applied_within_checked",
                violation_error_message="More rows would be applied than were checked.",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketgroup",
            constraint=models.UniqueConstraint(
                fields=("broker", "remote_id"),
                name="ticketgroup_remote_id_unique",
                violation_error_message="This broker has a ticket group with that remote id.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("remote_id__regex", "^[!-.0-~]+$")),
                name="ticketgroup_remote_id_printable",
                violation_error_message="A remote id is 1 to 128 printable ASCII characters with no space and no slash.",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("held__gte", 0),
                    (
                        "quantity__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("held"), "+", models.F("sold")
                        ),
                    ),
                    ("sold__gte", 0),
                ),
                name="ticketgroup_claims_within_quantity",
                violation_error_message="More tickets would be held and sold than the group has.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("seats__len", 0), ("seats__len", models.F("quantity")), _connector="OR"
                ),
                name="ticketgroup_seats_match_quantity",
                violation_error_message="A group has as many seats as tickets, or no seats at all.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("stride__in", (1, 2))),
                name="ticketgroup_stride_known",
                violation_error_message="The numbers of neighbouring seats differ by one or two.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("split_quantities__len__gt", 0), ("split_rule", "custom")),
                    models.Q(
                        models.Q(("split_rule", "custom"), _negated=True),
                        ("split_quantities__len", 0),
                    ),
                    _connector="OR",
                ),
                name="ticketgroup_split_quantities_custom",
                violation_error_message="A custom split rule needs quantities, and no other rule takes them.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("split_rule__in", ["any", "none", "never_leave_one", "pairs", "custom"])
                ),
                name="ticketgroup_split_rule_known",
                violation_error_message="This is not a split rule.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("stock_type", ""),
                    (
                        "stock_type__in",
                        [
                            "ELECTRONIC",
                            "HARD",
                            "MOBILE_TRANSFER",
                            "MOBILE_SCREENCAP",
                            "PAPERLESS",
                            "PAPERLESS_CARD",
                            "FLASH",
                        ],
                    ),
                    _connector="OR",
                ),
                name="ticketgroup_stock_type_known",
                violation_error_message="This is not a stock type.",
            ),
        ),
        checked_by_trigger(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gte", 0), ("price__lte", Decimal(1000000))),
                name="ticketgroup_price_in_range",
                violation_error_message="A price is from 0 to 1,000,000.",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                fields=("group", "number", "broker"),
                name="ledgerentry_number_unique",
                violation_error_message="The ticket group has a ledger entry of that number.",
            ),
        ),
        checked_by_trigger(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "effect__in",
                        [
                            "stocked",
                            "held",
                            "released",
                            "released_late",
                            "expired",
                            "invoiced",
                            "invoiced_late",
                            "voided",
                        ],
                    )
                ),
                name="ledgerentry_effect_known",
                violation_error_message="This is not an effect.",
            ),
        ),
        checked_by_trigger(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("tickets__gt", 0), ("effect", "stocked"), _connector="OR"),
                name="ledgerentry_tickets_signed",
                violation_error_message="Only a change of stock can have zero or fewer tickets.",
            ),
        ),
        checked_by_trigger(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("held__gte", 0),
                    (
                        "quantity__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("held"), "+", models.F("sold")
                        ),
                    ),
                    ("sold__gte", 0),
                ),
                name="ledgerentry_counters_add_up",
                violation_error_message="Held and sold tickets cannot exceed the quantity.",
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, "DROP FUNCTION automator_append_only();"),
        migrations.RunSQL(
            LEDGER_APPEND_ONLY,
            """
            DROP TRIGGER inventory_ledgerentry_not_truncated ON inventory_ledgerentry;
            DROP TRIGGER inventory_ledgerentry_append_only ON inventory_ledgerentry;
            """,
        ),
        migrations.RunSQL(
            TICKET_GROUP_FACTS,
            """
            DROP TRIGGER inventory_ticketgroup_facts ON inventory_ticketgroup;
            DROP FUNCTION inventory_ticketgroup_facts();
            """,
        ),
        migrations.RunSQL(
            TICKET_GROUP_SEATS,
            """
            DROP TRIGGER inventory_ticketgroup_seats ON inventory_ticketgroup;
            DROP FUNCTION inventory_ticketgroup_seats();
            """,
        ),
        migrations.RunSQL(
            LEDGER_ENTRY,
            """
            DROP TRIGGER inventory_ledgerentry_facts ON inventory_ledgerentry;
            DROP FUNCTION inventory_ledgerentry_facts();
            """,
        ),
        migrations.RunSQL(TICKET_GROUP_STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(PRIMARY_KEYS_WITH_BROKER, migrations.RunSQL.noop),
        migrations.RunSQL(FOREIGN_KEYS_WITH_BROKER, migrations.RunSQL.noop),
        migrations.RunSQL(IMPORT_ROWS, migrations.RunSQL.noop),
    ]
