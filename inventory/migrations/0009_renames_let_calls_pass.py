from django.db import migrations, models

NEVER_A_KEY = models.Q(name__isnull=False)


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_imports_know_their_moment")]

    operations = [
        migrations.AlterField(
            model_name="broker",
            name="name",
            field=models.CharField(max_length=200),
        ),
        migrations.AddConstraint(
            model_name="broker",
            constraint=models.UniqueConstraint(
                fields=("name",),
                condition=NEVER_A_KEY,
                name="broker_name_unique",
                violation_error_message="There is a broker of that name.",
            ),
        ),
        migrations.RemoveConstraint(model_name="event", name="event_unique"),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                fields=("broker", "name", "venue", "date", "time"),
                condition=NEVER_A_KEY,
                nulls_distinct=False,
                name="event_unique",
                violation_error_message="This broker has that event already.",
            ),
        ),
    ]
