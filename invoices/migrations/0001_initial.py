"""Creates invoices and voids, whose tables are append-only."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

# Invoices and voids are facts, so their rows are never changed or deleted.
APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION automator_append_only();

CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION automator_append_only();
"""
REVERSE = """
DROP TRIGGER {table}_not_truncated ON {table};
DROP TRIGGER {table}_append_only ON {table};
"""

# Every key contains the broker. inventory's migration says why. The id of the hold or invoice comes
# first in a unique constraint too, which replaces the one on that column alone that Django makes for
# a one-to-one field. A migration that alters such a field must name the constraint here.
KEYS_WITH_BROKER = """
ALTER TABLE invoices_invoice
    DROP CONSTRAINT invoices_invoice_pkey,
    ADD CONSTRAINT invoices_invoice_pkey PRIMARY KEY (id, broker_id),
    DROP CONSTRAINT invoices_invoice_hold_id_key,
    ADD CONSTRAINT invoice_hold_unique UNIQUE (hold_id, broker_id),
    ADD CONSTRAINT invoice_hold_of_same_broker
        FOREIGN KEY (hold_id, broker_id) REFERENCES holds_hold (id, broker_id)
        DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE invoices_void
    DROP CONSTRAINT invoices_void_pkey,
    ADD CONSTRAINT invoices_void_pkey PRIMARY KEY (id, broker_id),
    DROP CONSTRAINT invoices_void_invoice_id_key,
    ADD CONSTRAINT void_invoice_unique UNIQUE (invoice_id, broker_id),
    ADD CONSTRAINT void_invoice_of_same_broker
        FOREIGN KEY (invoice_id, broker_id) REFERENCES invoices_invoice (id, broker_id)
        DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("holds", "0001_initial"),
        ("inventory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Invoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("order_id", models.CharField(max_length=128)),
                ("buyer", models.CharField(max_length=100)),
                ("quantity", models.IntegerField()),
                ("unit_price", models.DecimalField(decimal_places=2, max_digits=9)),
                ("total", models.DecimalField(decimal_places=2, max_digits=14)),
                ("currency", models.CharField(max_length=3)),
                ("late", models.BooleanField()),
                ("invoiced_at", models.DateTimeField()),
                (
                    "broker",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="inventory.broker",
                    ),
                ),
                (
                    "hold",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice",
                        to="holds.hold",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Void",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=1000)),
                (
                    "back_to_stock",
                    models.BooleanField(
                        default=True,
                        help_text="If this is off, the tickets are gone and have left the ticket group.",
                    ),
                ),
                ("voided_by", models.CharField(max_length=200)),
                ("voided_at", models.DateTimeField()),
                (
                    "broker",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="voids",
                        to="inventory.broker",
                    ),
                ),
                (
                    "invoice",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="void",
                        to="invoices.invoice",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(fields=["broker", "order_id"], name="invoice_order_id"),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quantity__gt", 0),
                    (
                        "total",
                        django.db.models.expressions.CombinedExpression(
                            models.F("unit_price"), "*", models.F("quantity")
                        ),
                    ),
                ),
                name="invoice_total_adds_up",
                violation_error_message="The total must be the unit price times the quantity.",
            ),
        ),
        *(
            migrations.RunSQL(APPEND_ONLY.format(table=table), REVERSE.format(table=table))
            for table in ("invoices_invoice", "invoices_void")
        ),
        migrations.RunSQL(KEYS_WITH_BROKER, migrations.RunSQL.noop),
    ]
