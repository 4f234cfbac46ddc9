"""The check that a claim keeps its seats finds its rows by an index, whatever plan is cached."""

import django.db.models.deletion
from django.db import migrations, models

# One function for each table, so that each query compares columns with parameters and nothing
# else: PL/pgSQL caches a plan that must do for every later call. Sequential scans are turned off
# because such a plan may be older than most of the rows.
SEATS = """
CREATE OR REPLACE FUNCTION holds_hold_seats() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    -- A claim that was changed later in the transaction has a later call to judge it.
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

DROP TRIGGER holds_hold_seats_listed ON inventory_ticketgroup;
CREATE CONSTRAINT TRIGGER holds_hold_seats_listed AFTER UPDATE OF seats ON inventory_ticketgroup
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.seats <> NEW.seats AND NEW.held + NEW.sold > 0)
EXECUTE FUNCTION holds_ticketgroup_seats();
"""
# As it was, for both tables.
BEFORE = """
CREATE OR REPLACE FUNCTION holds_hold_seats() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM holds_hold h JOIN inventory_ticketgroup g ON g.id = h.group_id
        WHERE CASE TG_TABLE_NAME WHEN 'holds_hold' THEN h.id ELSE h.group_id END = NEW.id
            AND h.state IN ('held', 'invoiced')
            AND CASE WHEN h.positions IS NULL THEN g.seats <> '{}'
                ELSE h.seats <> g.seats[lower(h.positions) + 1 : upper(h.positions)] END
    ) THEN
        RAISE EXCEPTION 'a live claim would have other seats than it was given'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_seats_stay';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER holds_hold_seats_listed ON inventory_ticketgroup;
CREATE CONSTRAINT TRIGGER holds_hold_seats_listed AFTER UPDATE OF seats ON inventory_ticketgroup
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.seats <> NEW.seats AND NEW.held + NEW.sold > 0)
EXECUTE FUNCTION holds_hold_seats();

DROP FUNCTION holds_ticketgroup_seats();
"""


class Migration(migrations.Migration):
    dependencies = [("holds", "0004_contract_1_1")]

    operations = [
        migrations.RunSQL(SEATS, BEFORE),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["group", "state", "expires_at"], name="hold_of_group"),
        ),
        migrations.AlterField(
            model_name="hold",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="holds",
                to="inventory.ticketgroup",
            ),
        ),
    ]
