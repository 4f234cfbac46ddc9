"""A TRUNCATE fires no trigger for rows: invoices and voids need one for the statement too."""

from django.db import migrations

TABLES = ("invoices_invoice", "invoices_void")


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0003_by_hand"),
        ("inventory", "0002_ledger_and_lists"),
    ]

    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_not_truncated BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION automator_append_only()",
            f"DROP TRIGGER {table}_not_truncated ON {table}",
        )
        for table in TABLES
    ]
