"""The app of what every resource shares."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        """Register the checks, and what is done with a new connection."""
        from api import checks, deploy_checks, times  # noqa: F401
