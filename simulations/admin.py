"""Admin for simulations."""

from django.contrib import admin

from owned.admin.base import OwnedAdmin
from simulations.models import Simulation


@admin.register(Simulation)
class SimulationAdmin(OwnedAdmin):
    """Simulations of all owners."""

    list_display = ["name", "owner", "start_date", "end_date", "created_at"]
    list_filter = ["start_date", "end_date", "created_at"]
    search_fields = ["name"]
    fields = ["name", "owner", "start_date", "end_date", *OwnedAdmin.readonly_fields]
