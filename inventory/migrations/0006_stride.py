"""How far apart the seats of a ticket group are becomes a fact of the group."""

from django.db import migrations, models

# Of a list with fewer than two numbers nothing is known. A number is odd or even by its last digit.
KNOWN = """
UPDATE {table} SET stride = CASE WHEN told.odd > 0 AND told.even > 0 THEN 1 ELSE 2 END
FROM (
    SELECT whole.id, seen.odd, seen.even FROM {table} whole, LATERAL (
        SELECT count(*) FILTER (WHERE label ~ '[13579]$') AS odd,
            count(*) FILTER (WHERE label ~ '[02468]$') AS even
        FROM unnest(whole.seats) label) seen
    WHERE cardinality(whole.seats) > 1) told
WHERE {table}.id = told.id AND told.odd + told.even > 1;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0005_released_late")]

    operations = [
        migrations.AddField(
            model_name="importrow",
            name="stride",
            field=models.SmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="ticketgroup",
            name="stride",
            field=models.SmallIntegerField(
                "seat spacing",
                blank=True,
                choices=[
                    (None, "As the seat numbers say"),
                    (1, "Seats next to each other"),
                    (2, "Every other seat (odd or even row)"),
                ],
                help_text="Which seats of this group are neighbours. As the numbers say means every "
                "other seat where all numbers are odd or all are even.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(stride__in=(1, 2)),
                name="ticketgroup_stride_known",
                violation_error_message="Neighbours are one number apart, or two.",
            ),
        ),
        *(
            migrations.RunSQL(KNOWN.format(table=table), migrations.RunSQL.noop)
            for table in ("inventory_ticketgroup", "inventory_importrow")
        ),
    ]
