"""Invoices and voids are facts: PostgreSQL refuses to change or delete one."""

from django.db import migrations

TABLES = ("invoices_invoice", "invoices_void")


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0001_initial"),
        ("inventory", "0002_ledger_and_lists"),
    ]

    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION automator_append_only()",
            f"DROP TRIGGER {table}_append_only ON {table}",
        )
        for table in TABLES
    ]
