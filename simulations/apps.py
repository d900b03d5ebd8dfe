"""The app of simulations."""

from django.apps import AppConfig


class SimulationsConfig(AppConfig):
    name = "simulations"
