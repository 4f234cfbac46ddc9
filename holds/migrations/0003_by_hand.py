"""Holds by hand, and PostgreSQL's word that a claim keeps its seats when a group's list changes."""

from django.db import migrations, models

# What a hold by hand was made with never changes either.
FACTS = """
DROP TRIGGER holds_hold_facts ON holds_hold;
CREATE TRIGGER holds_hold_facts
BEFORE UPDATE OF broker_id, global_id, group_id, event_id, remote_id, quantity, section, row,
    unit_price, currency, created_at, expires_at{more} ON holds_hold
FOR EACH ROW EXECUTE FUNCTION holds_hold_facts();
"""
# Deferred: while stock changes, places and list move one after the other. Groups without claims
# and changes of state that move nothing are passed over.
SEATS = """
CREATE FUNCTION holds_hold_seats() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE CONSTRAINT TRIGGER holds_hold_seats_claimed AFTER INSERT ON holds_hold
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.state IN ('held', 'invoiced')) EXECUTE FUNCTION holds_hold_seats();

CREATE CONSTRAINT TRIGGER holds_hold_seats_moved AFTER UPDATE OF positions, seats ON holds_hold
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.state IN ('held', 'invoiced')
    AND (OLD.positions IS DISTINCT FROM NEW.positions OR OLD.seats <> NEW.seats))
EXECUTE FUNCTION holds_hold_seats();

CREATE CONSTRAINT TRIGGER holds_hold_seats_listed AFTER UPDATE OF seats ON inventory_ticketgroup
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (OLD.seats <> NEW.seats AND NEW.held + NEW.sold > 0)
EXECUTE FUNCTION holds_hold_seats();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("holds", "0002_states"),
        ("inventory", "0003_imports"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="hold", name="hold_global_id_printable"),
        migrations.AddField(
            model_name="hold",
            name="customer",
            field=models.CharField(
                blank=True, help_text="Whom staff hold them for.", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="hold", name="note", field=models.CharField(blank=True, max_length=1000)
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("global_id__regex", "^[!-.0-~]+$"),
                    ("global_id__regex", "^staff/[0-9a-f]{16}$"),
                    _connector="OR",
                ),
                name="hold_global_id_printable",
                violation_error_message="A global id is 1 to 128 printable ASCII characters with "
                "no space and no slash.",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("customer", ""), ("note", "")),
                    ("global_id__startswith", "staff/"),
                    _connector="OR",
                ),
                name="hold_customer_by_hand",
                violation_error_message="Only a hold by hand has a customer and a note.",
            ),
        ),
        migrations.RunSQL(FACTS.format(more=", customer, note"), FACTS.format(more="")),
        migrations.RunSQL(
            SEATS,
            """
            DROP TRIGGER holds_hold_seats_listed ON inventory_ticketgroup;
            DROP TRIGGER holds_hold_seats_moved ON holds_hold;
            DROP TRIGGER holds_hold_seats_claimed ON holds_hold;
            DROP FUNCTION holds_hold_seats();
            """,
        ),
    ]
