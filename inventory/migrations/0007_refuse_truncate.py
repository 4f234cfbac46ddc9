"""A TRUNCATE fires no trigger for rows: the ledger needs one for the statement too."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_stride")]

    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER inventory_ledgerentry_not_truncated BEFORE TRUNCATE"
            " ON inventory_ledgerentry FOR EACH STATEMENT EXECUTE FUNCTION automator_append_only()",
            "DROP TRIGGER inventory_ledgerentry_not_truncated ON inventory_ledgerentry",
        )
    ]
