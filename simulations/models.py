"""The simulation model."""

from django.db import models
from django.db.models import F, Q

from owned.constraints import FieldCheck
from owned.models import OwnedModel, owned_indexes


class Simulation(OwnedModel):
    """A simulation of a period of time."""

    name = models.CharField(max_length=300)
    start_date = models.DateField()
    end_date = models.DateField()

    label = "name"

    class Meta:
        indexes = [
            *owned_indexes("name", "start_date", "end_date"),
            # Lets the database count simulations by date from the index alone (docs/query-plans.md).
            models.Index(fields=["owner", "end_date", "start_date"], name="%(class)s_days"),
        ]
        constraints = [
            FieldCheck(
                field="end_date",
                condition=Q(start_date__lte=F("end_date")),
                name="simulation_dates_in_order",
                violation_error_code="date_order",
                violation_error_message="must not be before start_date",
            )
        ]
