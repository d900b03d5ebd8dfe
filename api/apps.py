"""The app of what every resource shares."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
