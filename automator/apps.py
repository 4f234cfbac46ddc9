"""The wiring's own app."""

from django.apps import AppConfig


class AutomatorConfig(AppConfig):
    """Registers the checks of the database."""

    name = "automator"

    def ready(self) -> None:
        from automator import checks  # noqa: F401, PLC0415  importing registers them
