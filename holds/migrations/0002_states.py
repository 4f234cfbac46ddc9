"""The states a hold can go through, said by PostgreSQL: nothing ever returns to held."""

from django.db import migrations

STATES = """
CREATE FUNCTION holds_hold_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('held', 'released'), ('held', 'expired'), ('held', 'invoiced'),
        ('expired', 'invoiced'), ('invoiced', 'voided')
    ) THEN
        RAISE EXCEPTION 'a hold does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_state_follows';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER holds_hold_states BEFORE UPDATE OF state ON holds_hold
FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION holds_hold_states();

CREATE FUNCTION holds_hold_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a hold was made with never changes'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'hold_facts_fixed';
END $$;

CREATE TRIGGER holds_hold_facts
BEFORE UPDATE OF broker_id, global_id, group_id, event_id, remote_id, quantity, section, row,
    unit_price, currency, created_at, expires_at ON holds_hold
FOR EACH ROW EXECUTE FUNCTION holds_hold_facts();

CREATE TRIGGER holds_hold_kept BEFORE DELETE ON holds_hold
FOR EACH ROW EXECUTE FUNCTION automator_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("holds", "0001_initial"),
        ("inventory", "0002_ledger_and_lists"),
    ]

    operations = [
        migrations.RunSQL(
            STATES,
            """
            DROP TRIGGER holds_hold_kept ON holds_hold;
            DROP TRIGGER holds_hold_facts ON holds_hold;
            DROP FUNCTION holds_hold_facts();
            DROP TRIGGER holds_hold_states ON holds_hold;
            DROP FUNCTION holds_hold_states();
            """,
        ),
    ]
