"""Times come out of the database as they went in."""

from datetime import UTC, datetime, timedelta, timezone

from django.db import connection

from owned.postgresql.times import OID, UTCLoader
from simulations.models import Simulation
from tests.base import ApiTestCase


class TimeTests(ApiTestCase):
    def test_a_time_comes_back_to_the_microsecond_and_in_utc(self) -> None:
        for microsecond in (0, 1, 120, 100_000, 123_456, 999_999):
            for year in (1, 1999, 2026, 9999):
                time = datetime(year, 2, 28, 23, 59, 59, microsecond, tzinfo=UTC)
                with self.subTest(time):
                    row = self.simulation(created_at=time)
                    (found,) = Simulation.objects.filter(pk=row.pk).values_list("created_at", flat=True)
                    self.assertEqual((found, found.utcoffset()), (time, timedelta()))

    def test_a_time_of_another_offset_is_the_same_moment(self) -> None:
        time = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))
        row = self.simulation(created_at=time)
        self.assertEqual(Simulation.objects.get(pk=row.pk).created_at, time)

    def test_postgresqls_times_are_read_by_the_quick_loader(self) -> None:
        connection.ensure_connection()
        if connection.vendor == "sqlite":
            return  # it has none
        with connection.cursor() as cursor:
            loader = cursor.cursor.adapters.get_loader(OID, 0)
        self.assertIs(loader, UTCLoader)
        self.assertEqual(type(loader(OID)).__module__.rpartition(".")[2], "_psycopg")  # in C
