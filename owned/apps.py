"""The app of the data layer that every resource shares."""

from django.apps import AppConfig


class OwnedConfig(AppConfig):
    name = "owned"

    def ready(self) -> None:
        """Set new connections up."""
        from owned.postgresql import times  # noqa: F401
