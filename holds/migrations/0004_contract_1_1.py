"""Contract 1.1: a release of an expired hold, opaque ids of exceptions, sales by hand by order."""

from django.db import migrations, models
from django.db.models import Q

import holds.exceptions

REASONS = {
    "hold_not_found": "Invoice without a hold",
    "hold_released": "Invoice after release",
    "sale_voided": "Invoice after void",
    "tickets_unavailable": "Invoice after expiry, tickets gone",
    "order_conflict": "Invoice under a second order id",
    "already_invoiced": "Release after invoice",
    "late_invoice": "Invoice after expiry, honoured",
    "late_off_sale": "Invoice after expiry, honoured while off sale",
    "sold_by_staff": "Invoice of an order that staff have sold by hand",
}
STATES = """
CREATE OR REPLACE FUNCTION holds_hold_states() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('held', 'released'), ('held', 'expired'), ('held', 'invoiced'),
        {more}('expired', 'invoiced'), ('invoiced', 'voided')
    ) THEN
        RAISE EXCEPTION 'a hold does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'hold_state_follows';
    END IF;
    RETURN NEW;
END $$;
"""
PUBLIC_IDS = """
UPDATE holds_orderexception
SET public_id = left(replace(gen_random_uuid()::text, '-', ''), 12)
    || right(gen_random_uuid()::text, 4);
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("holds", "0003_by_hand"),
        ("inventory", "0005_released_late"),
    ]

    operations = [
        migrations.RunSQL(STATES.format(more="('expired', 'released'), "), STATES.format(more="")),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                fields=["broker", "order_id"],
                condition=Q(global_id__startswith="staff/"),
                name="hold_by_hand_order_id",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="orderexception", name="orderexception_reason_known"
        ),
        migrations.AlterField(
            model_name="orderexception",
            name="reason",
            field=models.CharField(choices=list(REASONS.items()), max_length=20),
        ),
        migrations.AddConstraint(
            model_name="orderexception",
            constraint=models.CheckConstraint(
                condition=Q(reason__in=list(REASONS)),
                name="orderexception_reason_known",
                violation_error_message="There is no such reason.",
            ),
        ),
        migrations.AddField(
            model_name="orderexception",
            name="public_id",
            field=models.CharField(
                default=holds.exceptions.new_public_id,
                editable=False,
                help_text="The id that the marketplace was given for this exception.",
                max_length=16,
                verbose_name="exception id",
            ),
        ),
        # The default gave one and the same id to all rows that were there.
        migrations.RunSQL(PUBLIC_IDS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="orderexception",
            constraint=models.UniqueConstraint(
                fields=["public_id"],
                name="orderexception_public_id_unique",
                violation_error_message="There is an exception with that exception id.",
            ),
        ),
    ]
