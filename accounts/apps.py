"""The app of users and their API keys."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
