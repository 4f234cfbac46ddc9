"""Imports know as of when their file is and which file it was; rows, how many tickets they free."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_refuse_truncate")]

    operations = [
        migrations.AddField(
            model_name="import",
            name="as_of",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="import",
            name="sha256",
            field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="importrow",
            name="growth",
            field=models.IntegerField(
                db_default=0,
                default=0,
                help_text="How many tickets of an existing group it would free.",
            ),
        ),
    ]
