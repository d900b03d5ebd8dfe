"""The app of what every resource shares."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        """Register the checks."""
        from api import checks  # noqa: F401
