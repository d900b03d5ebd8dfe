from tests.base import VALID
from tests.live import LiveTestCase


class TwoMachinesTests(LiveTestCase):
    """Two services share one database, because no process keeps state between requests."""

    def test_a_client_can_use_another_machine_for_each_request(self) -> None:
        _, one = self.start()
        _, two = self.start()
        key = {"Idempotency-Key": "once"}
        created = one.post("/api/simulations", json=VALID, headers=key)
        retried = two.post("/api/simulations", json=VALID, headers=key)
        self.assertEqual((retried.content, retried.headers["Idempotent-Replayed"]), (created.content, "true"))

        url = created.headers["Location"]
        read = two.get(url)
        self.assertEqual((read.json(), read.headers["ETag"]), (created.json(), created.headers["ETag"]))
        changed = one.patch(url, json={"name": "changed"}, headers={"If-Match": read.headers["ETag"]})
        self.assertEqual(changed.status_code, 200)
        stale = two.patch(url, json={"name": "stale"}, headers={"If-Match": read.headers["ETag"]})
        self.assertEqual(stale.status_code, 412)

        names = [f"run {number}" for number in range(4)]
        bulk = one.post("/api/simulations/bulk", json={"items": [{**VALID, "name": name} for name in names]})
        self.assertEqual(bulk.status_code, 201)
        seen: list[str] = []
        cursor, machines = None, [one, two]
        while not seen or cursor:
            page = machines[len(seen) % 2].get(
                "/api/simulations", params={"limit": 1, **({"cursor": cursor} if cursor else {})}
            )
            seen += [item["name"] for item in page.json()["items"]]
            cursor = page.json()["next_cursor"]
        self.assertEqual(seen, ["run 0", "run 1", "run 2", "run 3", "changed"])

        self.assertEqual([machine.get("/api/me").status_code for machine in machines], [200, 200])
        revoke = "from accounts.models import ApiKey; from django.utils import timezone; "
        self.manage("shell", "-v0", "-c", f"{revoke}ApiKey.objects.update(revoked_at=timezone.now())")
        self.assertEqual([machine.get("/api/me").status_code for machine in machines], [401, 401])
