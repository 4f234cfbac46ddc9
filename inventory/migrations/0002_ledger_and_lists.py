"""What PostgreSQL refuses and Django has no constraint for, and how it stores ticket groups."""

from django.db import migrations

# Shared by every table whose rows are facts: the invoices app uses it too.
APPEND_ONLY = """
CREATE FUNCTION automator_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END $$;

CREATE TRIGGER inventory_ledgerentry_append_only
BEFORE UPDATE OR DELETE ON inventory_ledgerentry
FOR EACH ROW EXECUTE FUNCTION automator_append_only();
"""
# A seat that stands twice in the list could be sold twice. Only looked at when the lists change.
LISTS = """
CREATE FUNCTION inventory_ticketgroup_lists() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER inventory_ticketgroup_lists
BEFORE INSERT OR UPDATE OF seats, split_quantities ON inventory_ticketgroup
FOR EACH ROW EXECUTE FUNCTION inventory_ticketgroup_lists();
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [
        migrations.RunSQL(
            APPEND_ONLY,
            """
            DROP TRIGGER inventory_ledgerentry_append_only ON inventory_ledgerentry;
            DROP FUNCTION automator_append_only();
            """,
        ),
        migrations.RunSQL(
            LISTS,
            """
            DROP TRIGGER inventory_ticketgroup_lists ON inventory_ticketgroup;
            DROP FUNCTION inventory_ticketgroup_lists();
            """,
        ),
        # Room in each page for the next version of a row: the counters change with every call.
        migrations.RunSQL(
            "ALTER TABLE inventory_ticketgroup SET (fillfactor = 70)",
            "ALTER TABLE inventory_ticketgroup RESET (fillfactor)",
        ),
    ]
