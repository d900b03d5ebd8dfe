"""Forms that validate with a schema."""

from datetime import date

from django.db import IntegrityError

from api.forms import SchemaForm, day_field, text_field
from api.schemas import In
from simulations.models import Simulation
from tests.base import VALID, ApiTestCase


class LaxIn(In):
    """A schema that lacks a rule of the database."""

    name: str
    start_date: date
    end_date: date

    model_config = {"strict": False}


class LaxForm(SchemaForm):
    schema = LaxIn

    name = text_field("Name")
    start_date = day_field("Start date")
    end_date = day_field("End date")


class SchemaFormTests(ApiTestCase):
    def test_a_constraint_violation_is_an_error_of_its_field(self) -> None:
        form = LaxForm({**VALID, "end_date": "2026-01-01"})
        self.assertTrue(form.is_valid())
        with form.refusals():
            Simulation.objects.for_owner(self.alice).create(**form.read.model_dump())
        self.assertEqual(form.errors, {"end_date": ["must not be before start_date"]})
        self.assertFalse(Simulation.objects.exists())

    def test_other_integrity_errors_are_raised(self) -> None:
        row = self.simulation()
        form = LaxForm(VALID)
        self.assertTrue(form.is_valid())
        with self.assertRaises(IntegrityError), form.refusals():
            Simulation.objects.for_owner(self.alice).create(**form.read.model_dump(), id=row.pk)
