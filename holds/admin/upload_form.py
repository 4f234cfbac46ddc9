"""The form with which a broker's book is uploaded."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from inventory.book import FORMATS
from inventory.models import Broker
from inventory.models.imports import Quantities

# The limit of the proxy in the README. A file of this size has more than a million rows.
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
    """Asks for a file and how to read it.

    `own` is the broker of the user. Without one, the form asks for the broker.
    """

    broker = forms.ModelChoiceField(
        Broker.objects.all(), help_text="The broker whose book the file is."
    )
    file = forms.FileField(
        allow_empty_file=True,  # an empty file is answered like any other that is no book
        help_text="The CSV file that your point-of-sale system exports, with its column names in "
        "the first row: TEvo’s import file, a sync snapshot or the classic exchange file. The "
        "order of the columns, capitals and spaces do not matter. Unknown columns are ignored.",
        widget=forms.FileInput({"accept": ".csv,.txt,.tsv,text/csv"}),
    )
    format = forms.ChoiceField(required=False, choices=FORMAT_CHOICES)
    snapshot = forms.BooleanField(
        required=False,
        label="The file is the whole book",
        help_text="Ticket groups that are not in the file go off sale. Nothing is deleted, and "
        "held and sold tickets stay as they are.",
    )
    strict = forms.BooleanField(
        required=False,
        label="All or nothing",
        help_text="If one row is refused, the whole file is refused. Otherwise refused rows are "
        "left out, and all other rows are imported.",
    )
    quantities = forms.ChoiceField(
        choices=Quantities.choices,
        initial=Quantities.ALL,
        label="A quantity counts",
        help_text="This concerns tickets without seat numbers. Choose free tickets if your "
        "point-of-sale system knows what was sold here, and has deducted it.",
    )

    as_of = forms.DateTimeField(
        required=False,
        label="The file shows the inventory as of",
        help_text="Tickets that are held or sold here after this time still count as free in the "
        "file, and are deducted. Leave the field empty for a file that was exported here, because "
        "such a file has the time in it. For any other file, an empty field means the time of the "
        "upload, or of the first upload of the same file.",
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, "%Y-%m-%dT%H:%M:%S"),
    )

    def __init__(self, *args: Any, own: Broker | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own = own
        if own:
            del self.fields["broker"]

    def clean_file(self) -> UploadedFile:
        """Return the file.

        Raises:
            ValidationError: the file is larger than MOST_BYTES.
        """
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                "The file has over 100 MB. Cut it into parts, each with the header row, and upload "
                "them one by one, none of them as the whole book."
            )
        return file

    def answers(self) -> dict[str, Any]:
        """Return the answers of a valid form as arguments of `checking.check`."""
        answers: dict[str, Any] = {"broker": self.own, **self.cleaned_data}
        file = answers.pop("file")
        return {
            **answers,
            "stream": file,
            "file_name": file.name,
            "format": answers["format"] or None,
            "quantities": Quantities(answers["quantities"]),
        }
