"""No operation depends on a sequence, so that owners can be split across databases (docs/scaling.md)."""

from django.db import connection

from tests.operations import OperationTestCase


class ShardingTests(OperationTestCase):
    def test_no_operation_uses_a_sequence(self) -> None:
        before = self.sequences()
        self.assertGreater(len(before), 3)
        for operation in self.each():
            self.assertEqual(self.send(operation).status_code, operation.success)
        self.assertEqual(self.sequences(), before)

    def sequences(self) -> list[tuple[str, int | None]]:
        """Return all sequences of the database, each with its last value."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
            return [(name, last) for name, last in cursor.fetchall()]
