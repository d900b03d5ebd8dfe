"""SQL statements name the owner, so that owners can be split across databases (docs/scaling.md)."""

import re

from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.models import StoredResponse
from owned.models import OwnedModel
from tests.operations import OperationTestCase

TABLES = {
    model._meta.db_table for model in apps.get_models() if issubclass(model, OwnedModel | StoredResponse)
}


class EveryStatementTests(OperationTestCase):
    def test_statements_on_owned_tables_name_the_owner(self) -> None:
        seen = 0
        for operation in self.each():
            for headers in ({"Idempotency-Key": operation.name}, {"If-Match": "*"}, {}):
                ready = operation.on(self.object_id(operation))
                with CaptureQueriesContext(connection) as queries:
                    self.assertEqual(self.send(ready, headers=headers).status_code, operation.success)
                for sql in (query["sql"] for query in queries):
                    if any(f'"{table}"' in sql for table in TABLES):
                        seen += 1
                        self.assertTrue(names_the_owner(sql, self.alice.pk), sql)
        self.assertGreater(seen, 20)

    def test_statements_of_filters_counts_and_cursors_name_the_owner(self) -> None:
        for operation in self.each("list", "export"):
            ids = [self.make(operation)["id"] for _ in range(2)]
            for query in (
                f"?id={ids[0]}&id={ids[1]}",
                "?sort=updated_at",
                "?created_at__gte=2000-01-01T00:00:00Z",
            ):
                if operation.kind == "list":
                    cursor = self.get(f"{operation.path}{query}&limit=1&count=true").json()["next_cursor"]
                    query += f"&limit=1&count=true&cursor={cursor}"
                with CaptureQueriesContext(connection) as queries:
                    self.assertEqual(self.send(operation, query).status_code, 200)
                owned = [q["sql"] for q in queries if any(f'"{table}"' in q["sql"] for table in TABLES)]
                self.assertGreater(len(owned), 0)
                for sql in owned:
                    self.assertTrue(names_the_owner(sql, self.alice.pk), sql)


def names_the_owner(sql: str, owner: int) -> bool:
    """Return whether a statement filters by this owner, or inserts rows with an owner."""
    compared = re.search(rf'"owner_id" = \(?{owner}\b', sql)
    inserted = re.search(r'(INSERT INTO|COPY) "\w+" \([^)]*"owner_id"[^)]*\)', sql)
    return bool(compared or inserted)
