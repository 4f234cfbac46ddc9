"""A TRUNCATE fires no trigger for rows: holds need one for the statement too."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("holds", "0005_seats_by_index"),
        ("inventory", "0002_ledger_and_lists"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER holds_hold_not_truncated BEFORE TRUNCATE ON holds_hold"
            " FOR EACH STATEMENT EXECUTE FUNCTION automator_append_only()",
            "DROP TRIGGER holds_hold_not_truncated ON holds_hold",
        )
    ]
