"""The app for simulations."""

from django.apps import AppConfig


class SimulationsConfig(AppConfig):
    name = "simulations"
