"""The app for users and their API keys."""

from django.apps import AppConfig, apps


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """Name the section of django-axes in the admin after what it lists."""
        apps.get_app_config("axes").verbose_name = "Sign-in attempts"
