"""One more effect in the ledger: the release of a hold that had expired, which moves no tickets."""

from django.db import migrations, models
from django.db.models import Q

EFFECTS = {
    "stocked": "Stocked",
    "held": "Held",
    "released": "Released",
    "released_late": "Released after expiry",
    "expired": "Expired",
    "invoiced": "Invoiced",
    "invoiced_late": "Invoiced late",
    "voided": "Voided",
}


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_staged_imports")]

    operations = [
        migrations.RemoveConstraint(model_name="ledgerentry", name="ledgerentry_effect_known"),
        migrations.AlterField(
            model_name="ledgerentry",
            name="effect",
            field=models.CharField(choices=list(EFFECTS.items()), max_length=16),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=Q(effect__in=list(EFFECTS)),
                name="ledgerentry_effect_known",
                violation_error_message="There is no such effect.",
            ),
        ),
    ]
