from django.db import connection
from django.test import TestCase


class SessionTests(TestCase):
    def test_sessions_use_the_configured_timeouts_and_keepalives(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            self.assertEqual(cursor.fetchone(), ("30s",))
            cursor.execute("SHOW tcp_keepalives_idle")
            self.assertEqual(cursor.fetchone(), ("10",))
        options = connection.connection.info.get_parameters()
        for name, value in {
            "connect_timeout": "5",
            "tcp_user_timeout": "20000",
            "keepalives_idle": "10",
        }.items():
            self.assertEqual(options[name], value)
