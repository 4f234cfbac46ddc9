"""The app that connects the other three: settings, API, admin site, commands and logs."""

from django.apps import AppConfig


class AutomatorConfig(AppConfig):
    """Registers the system checks of the database."""

    name = "automator"

    def ready(self) -> None:
        from automator import system_checks  # noqa: F401, PLC0415  registers the checks
