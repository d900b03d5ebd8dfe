from django.db import connection
from django.test import TestCase


class SessionTests(TestCase):
    def test_a_session_has_the_limits_of_the_settings(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            self.assertEqual(cursor.fetchone(), ("30s",))
        options = connection.connection.info.get_parameters()
        for name, value in {
            "connect_timeout": "5",
            "tcp_user_timeout": "20000",
            "keepalives_idle": "10",
        }.items():
            self.assertEqual(options[name], value)
