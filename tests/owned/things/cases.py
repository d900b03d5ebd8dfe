"""Test cases with the tables of the app."""

from typing import Any

from django.db import connection
from django.test import TestCase, modify_settings

from accounts.models import User
from tests.owned.things.models import Everything, Notice, Part, Thing

MODELS = (Thing, Part, Everything, Notice)


@modify_settings(INSTALLED_APPS={"append": "tests.owned.things"})
class ThingTestCase(TestCase):
    alice: User
    bob: User

    @classmethod
    def setUpClass(cls) -> None:
        with connection.schema_editor() as editor:
            for model in MODELS:
                editor.create_model(model)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        with connection.schema_editor() as editor:
            for model in reversed(MODELS):
                editor.delete_model(model)

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice, cls.bob = User.objects.create(username="alice"), User.objects.create(username="bob")

    def thing(self, **fields: Any) -> Thing:
        found: Thing = Thing.objects.create(**{"owner": self.alice, "name": "a", **fields})
        return found
