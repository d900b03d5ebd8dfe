"""Configuration of the app that operates the service."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"

    def ready(self) -> None:
        """Register the deployment checks."""
        from ops import checks  # noqa: F401
