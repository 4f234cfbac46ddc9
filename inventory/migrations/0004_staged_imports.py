"""Imports that wait for a yes or are overtaken; rows still to be applied are kept unlogged."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone

STATES = ("checked", "confirm", "applying", "done", "refused", "dry_run", "superseded", "lost")
# Rows still to be applied are staging, and need no write-ahead log: a crash empties them, and the
# file is imported again. What was refused is a fact that staff look at, and refers to its import.
PARTITIONED = """
ALTER TABLE inventory_importrow RENAME TO inventory_importrow_whole;
ALTER TABLE inventory_importrow_whole RENAME CONSTRAINT inventory_importrow_pkey TO importrow_whole;
CREATE TABLE inventory_importrow (
    LIKE inventory_importrow_whole INCLUDING IDENTITY,
    CONSTRAINT inventory_importrow_pkey PRIMARY KEY (book_id, verdict, id)
) PARTITION BY LIST (verdict);
CREATE TABLE inventory_importrow_refused PARTITION OF inventory_importrow (
    CONSTRAINT inventory_importrow_book_id_fk FOREIGN KEY (book_id)
        REFERENCES inventory_import DEFERRABLE INITIALLY DEFERRED
) FOR VALUES IN ('refused');
CREATE UNLOGGED TABLE inventory_importrow_pending PARTITION OF inventory_importrow
    FOR VALUES IN ('new', 'changed', 'vanished');
INSERT INTO inventory_importrow SELECT * FROM inventory_importrow_whole;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT setval(pg_get_serial_sequence('inventory_importrow', 'id'), max(id))
FROM inventory_importrow_whole;
DROP TABLE inventory_importrow_whole;
"""
WHOLE = """
ALTER TABLE inventory_importrow RENAME TO inventory_importrow_parts;
ALTER TABLE inventory_importrow_parts
    RENAME CONSTRAINT inventory_importrow_pkey TO importrow_parts;
CREATE TABLE inventory_importrow (
    LIKE inventory_importrow_parts INCLUDING IDENTITY,
    CONSTRAINT inventory_importrow_pkey PRIMARY KEY (id)
);
INSERT INTO inventory_importrow SELECT * FROM inventory_importrow_parts;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT setval(pg_get_serial_sequence('inventory_importrow', 'id'), max(id))
FROM inventory_importrow_parts;
DROP TABLE inventory_importrow_parts;
"""
# The same rules, at a fraction of the price: it is asked for each row of a book. A tsvector has
# each word once; it takes a megabyte at most, so that long lists are counted.
LISTS = """
CREATE OR REPLACE FUNCTION inventory_ticketgroup_lists() RETURNS trigger LANGUAGE plpgsql AS $$
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
            RAISE EXCEPTION 'a seat stands twice in the ticket group'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_seats_distinct';
        END IF;
    END IF;
    IF 1 > ANY (NEW.split_quantities) THEN
        RAISE EXCEPTION 'a custom split rule lists quantities of at least 1'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_split_quantities_positive';
    END IF;
    RETURN NEW;
END $$;
"""
LISTS_BEFORE = """
CREATE OR REPLACE FUNCTION inventory_ticketgroup_lists() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) <> count(DISTINCT seat) FROM unnest(NEW.seats) seat) THEN
        RAISE EXCEPTION 'a seat stands twice in the ticket group'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_seats_distinct';
    END IF;
    IF '' = ANY (NEW.seats) THEN
        RAISE EXCEPTION 'a seat of the ticket group has no label'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_seats_labelled';
    END IF;
    IF 1 > ANY (NEW.split_quantities) THEN
        RAISE EXCEPTION 'a custom split rule lists quantities of at least 1'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ticketgroup_split_quantities_positive';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_imports")]

    operations = [
        migrations.RemoveConstraint(model_name="import", name="import_state_known"),
        migrations.AddField(
            model_name="import",
            name="headers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=300), blank=True, default=list, size=None
            ),
        ),
        migrations.AlterField(
            model_name="import",
            name="started_at",
            field=models.DateTimeField(default=timezone.now),
        ),
        migrations.AlterField(
            model_name="import",
            name="problem",
            field=models.CharField(
                blank=True, help_text="Why it was refused, or waits for a yes.", max_length=2000
            ),
        ),
        migrations.AlterField(
            model_name="import",
            name="state",
            field=models.CharField(
                choices=[
                    ("checked", "Checked, nothing applied yet"),
                    ("confirm", "Waits for a yes"),
                    ("applying", "Applied in part"),
                    ("done", "Done"),
                    ("refused", "Refused as a whole"),
                    ("dry_run", "Looked at, nothing applied"),
                    ("superseded", "A newer book came first"),
                    ("lost", "Stopped: upload the file again"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="import",
            constraint=models.CheckConstraint(
                condition=Q(state__in=STATES),
                name="import_state_known",
                violation_error_message="There is no such state of an import.",
            ),
        ),
        # The file's other rows, and what was done already: there is nothing left to do with them.
        migrations.RunSQL(
            "DELETE FROM inventory_importrow WHERE applied AND verdict <> 'refused';",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveIndex(model_name="importrow", name="importrow_of_book"),
        migrations.RemoveField(model_name="importrow", name="applied"),
        migrations.AlterField(
            model_name="importrow",
            name="book",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rows",
                to="inventory.import",
            ),
        ),
        migrations.RunSQL(PARTITIONED, WHOLE),
        migrations.RunSQL(LISTS, LISTS_BEFORE),
        migrations.RemoveConstraint(
            model_name="ticketgroup", name="ticketgroup_remote_id_printable"
        ),
        migrations.AddConstraint(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=Q(remote_id__regex=r"^[!-.0-~]+$"),
                name="ticketgroup_remote_id_printable",
                violation_error_message="A remote id is 1 to 128 printable ASCII characters "
                "with no space and no slash.",
            ),
        ),
        *(
            migrations.AlterField(
                model_name="ticketgroup",
                name=name,
                field=models.DecimalField(
                    blank=True,
                    decimal_places=2,
                    help_text=help_text,
                    max_digits=9,
                    null=True,
                    validators=[MinValueValidator(0), MaxValueValidator(1_000_000)],
                ),
            )
            for name, help_text in (("cost", "Paid for one ticket."), ("face_value", ""))
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="effect",
            field=models.CharField(
                choices=[
                    ("stocked", "Stocked"),
                    ("held", "Held"),
                    ("released", "Released"),
                    ("expired", "Expired"),
                    ("invoiced", "Invoiced"),
                    ("invoiced_late", "Invoiced late"),
                    ("voided", "Voided"),
                ],
                max_length=16,
            ),
        ),
    ]
