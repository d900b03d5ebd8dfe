"""COPY is used only where it stores what an instance would."""

from typing import Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.test import TestCase
from django.test.utils import isolate_apps

from owned.models import OwnedModel
from owned.postgresql.copying import copy_new


class Upper(DeferredAttribute):
    def __set__(self, instance: Any, value: str) -> None:
        instance.__dict__["name"] = value.upper()


class UpperField(models.CharField):  # type: ignore[type-arg]
    descriptor_class = Upper


class CopyTests(TestCase):
    @isolate_apps("simulations")
    def test_rows_that_an_instance_would_change_are_left_to_instances(self) -> None:
        class Shouted(OwnedModel):
            name = UpperField(max_length=10)

            class Meta:
                app_label = "simulations"

        class Numbered(OwnedModel):
            id = models.CharField(primary_key=True, max_length=20, default=lambda: "2" * 20)
            name = models.CharField(max_length=10)

            class Meta:
                app_label = "simulations"

        for model in (Shouted, Numbered):
            self.assertIsNone(copy_new("default", model, [{"name": "a", "owner_id": 1}]), model)
