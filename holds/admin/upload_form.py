"""What is asked when a broker's book is uploaded."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from inventory.book import FORMATS
from inventory.models import Broker
from inventory.models.imports import Quantities

# What the README's proxy lets through, and more than a million rows.
MOST_BYTES = 100 * 1024 * 1024
FORMAT_NAMES = {
    "tevo": "TEvo’s import file",
    "sync": "Sync snapshot",
    "classic": "Classic exchange file",
}
FORMAT_CHOICES = [
    ("", "Recognise it from the headers"),
    *((name, FORMAT_NAMES.get(name, name)) for name in FORMATS),
]


class UploadForm(forms.Form):
    """A file and how it is meant; `own` is the broker of the user, None where one is to choose."""

    broker = forms.ModelChoiceField(Broker.objects.all(), help_text="Whose book it is.")
    file = forms.FileField(
        allow_empty_file=True,  # answered as any other file that is no book
        help_text="The CSV file that your point-of-sale system exports, with its column names in "
        "the first row: TEvo’s import file, a sync snapshot or the classic exchange file. Order of "
        "columns, capitals and spaces do not matter; unknown columns are ignored.",
        widget=forms.FileInput({"accept": ".csv,.txt,.tsv,text/csv"}),
    )
    format = forms.ChoiceField(required=False, choices=FORMAT_CHOICES)
    snapshot = forms.BooleanField(
        required=False,
        label="The file is the whole book",
        help_text="What it does not have goes off sale. Nothing is deleted, and held and sold "
        "tickets stay as they are.",
    )
    strict = forms.BooleanField(
        required=False,
        label="All or nothing",
        help_text="One refused row refuses the whole file. Otherwise refused rows stay out, and "
        "the rest goes in.",
    )
    quantities = forms.ChoiceField(
        choices=Quantities.choices,
        initial=Quantities.ALL,
        label="A quantity counts",
        help_text="Of tickets without seat numbers. Choose free tickets where your point-of-sale "
        "system knows what was sold here, and has deducted it.",
    )

    as_of = forms.DateTimeField(
        required=False,
        label="The file shows the inventory as of",
        help_text="Tickets that are held or sold here after this time are still in the file’s free "
        "tickets, and are deducted from them. Leave it empty for a file that was exported here, "
        "which says the time itself; for any other, an empty field means the time of the upload, "
        "or of the first upload of the same file.",
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, "%Y-%m-%dT%H:%M:%S"),
    )

    def __init__(self, *args: Any, own: Broker | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = own
        if own:
            del self.fields["broker"]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                "The file has over 100 MB. Cut it into parts, each with the header row; upload "
                "them one by one, none of them as the whole book."
            )
        return file

    def answers(self) -> dict[str, Any]:
        """What was answered, as the check of a book takes it."""
        answers: dict[str, Any] = {"broker": self.own, **self.cleaned_data}
        file = answers.pop("file")
        return {
            **answers,
            "stream": file,
            "file_name": file.name,
            "format": answers["format"] or None,
            "quantities": Quantities(answers["quantities"]),
        }
