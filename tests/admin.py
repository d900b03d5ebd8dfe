"""The base class of the admin's tests: carol is the operator."""

from django.contrib.auth.models import Permission

from accounts.models import User
from tests.base import ApiTestCase


class AdminTestCase(ApiTestCase):
    carol: User

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        cls.carol = User.objects.create(username="carol", is_staff=True, is_superuser=True)

    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.carol)

    def become_staff_who_may(self, *codenames: str) -> User:
        staff = User.objects.create(username="dave", is_staff=True)
        staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        self.client.force_login(staff)
        return staff
