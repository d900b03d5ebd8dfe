"""Typical user journeys in a browser, from the first sign-in to a revoked API key."""

import httpx
from playwright.sync_api import Page, expect

from tests.browser.browser import BrowserTestCase, fill_in, make_key, sign_in

MONSOON = {"name": "Monsoon season", "start_date": "2026-06-01", "end_date": "2026-09-30"}


class JourneyTests(BrowserTestCase):
    def test_signing_in_leads_to_the_simulations(self) -> None:
        page = self.new_page(signed_in=False)
        page.goto("/")
        page.get_by_role("link", name="Simulations", exact=True).click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        sign_in(page, "alice")
        expect(page.get_by_role("heading", name="Simulations")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("link", name="Sign in").first).to_be_visible()

    def test_a_simulation_recorded_with_a_new_key_is_in_the_list_and_the_timeline(self) -> None:
        name = "Recorded by a script"
        created = self.call(make_key(self.page, "nightly"), "POST", {**MONSOON, "name": name})
        self.assertEqual(created.status_code, 201, created.text)

        self.page.get_by_role("link", name="Simulations", exact=True).click()
        expect(self.page.get_by_role("row", name=f"{name} 2026-06-01 2026-09-30")).to_be_visible()
        self.page.get_by_role("link", name="Timeline").click()
        row = self.page.get_by_role("row", name=name)
        expect(row).to_contain_text("2026-06-01 to 2026-09-30")
        bar = row.locator("rect").bounding_box()
        assert bar is not None
        self.assertGreater(bar["width"], 10)
        row.get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", name=name)).to_be_visible()

    def test_the_copy_buttons_copy_the_key_and_the_command(self) -> None:
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        key = make_key(self.page, "copied")
        button = self.page.locator("button[data-copy=key]")
        button.click()
        expect(button).to_have_text("Copied")
        self.assertEqual(self.page.evaluate("navigator.clipboard.readText()"), key)
        self.page.get_by_role("button", name="Copy command").click()
        self.assertIn(f"-H 'X-API-Key: {key}'", self.page.evaluate("navigator.clipboard.readText()"))

    def test_a_revoked_key_stops_working(self) -> None:
        key = make_key(self.page, "to be revoked")
        self.assertEqual(self.call(key, "GET").status_code, 200)
        self.page.goto("/keys/")
        self.page.get_by_role("link", name="to be revoked").click()
        self.page.get_by_text("Revoke this key").click()
        self.page.get_by_role("button", name="Revoke now").click()
        expect(self.page.get_by_role("status")).to_contain_text("was revoked")
        refused = self.call(key, "GET")
        self.assertEqual((refused.status_code, refused.json()["type"]), (401, "/problems/invalid-key"))

    def test_a_rotated_key_works_during_the_grace_period(self) -> None:
        old = make_key(self.page, "to be rotated")
        self.page.goto("/keys/")
        self.page.get_by_role("link", name="to be rotated").click()
        self.page.get_by_label("Keep the old key working").select_option("for 7 days")
        self.page.get_by_role("button", name="Rotate").click()
        new = self.page.locator("#key").inner_text()
        self.assertNotEqual(old, new)
        self.assertEqual([self.call(key, "GET").status_code for key in (old, new)], [200, 200])

    def test_a_conflicting_edit_shows_both_versions_and_can_overwrite(self) -> None:
        id = self.created("Edited twice")
        tabs = self.page, self.page.context.new_page()
        for tab in tabs:
            tab.goto(f"/simulations/{id}/edit/")
        self.save(tabs[0], "Edited in the first tab")
        expect(tabs[0].get_by_role("status")).to_contain_text("was saved")

        self.save(tabs[1], "Edited in the second tab")
        expect(tabs[1].get_by_role("alert")).to_contain_text("Nothing was saved")
        expect(tabs[1].get_by_role("row", name="Name differs")).to_have_text(
            "Name differs Edited in the first tab Edited in the second tab"
        )
        self.assertEqual(self.found(id)["name"], "Edited in the first tab")
        tabs[1].get_by_role("button", name="Overwrite with my changes").click()
        expect(tabs[1].get_by_role("status")).to_contain_text("was saved")
        self.assertEqual(self.found(id)["name"], "Edited in the second tab")

    def test_an_upload_lists_errors_by_row_and_saves_a_valid_file(self) -> None:
        self.page.goto("/simulations/upload/")
        self.upload("Upload 1,2026-01-01,2026-01-31\nUpload 2,2026-02-28,2026-02-01\n")
        expect(self.page.get_by_role("alert")).to_contain_text("1 of 2 rows is valid")
        wrong = self.page.get_by_role("table", name="Errors").get_by_role("row").nth(1)
        expect(wrong).to_contain_text("must not be before start_date")
        self.assertEqual(self.number_of("Upload"), 0)

        self.upload("Upload 1,2026-01-01,2026-01-31\nUpload 2,2026-02-01,2026-02-28\n")
        expect(self.page.get_by_role("status")).to_contain_text("Nothing has been saved yet")
        self.assertEqual(self.number_of("Upload"), 0)
        self.page.get_by_role("button", name="Create 2 simulations").click()
        expect(self.page.get_by_role("status")).to_contain_text("2 simulations created")
        self.assertEqual(self.number_of("Upload"), 2)

    def test_an_invalid_form_keeps_the_input_and_shows_the_error_at_its_field(self) -> None:
        self.page.goto("/simulations/create/")
        fill_in(self.page, "Ends before it begins", "2026-09-30", "2026-06-01")
        self.page.get_by_role("button", name="Create").click()
        last = self.page.get_by_label("End date")
        expect(last).to_have_accessible_description("must not be before start_date")
        expect(last).to_have_value("2026-06-01")
        expect(self.page.get_by_label("Name")).to_have_value("Ends before it begins")

    def test_the_docs_page_can_run_an_operation(self) -> None:
        key = make_key(self.page, "for the docs")
        self.created("Seen in the docs")
        self.page.goto("/api/docs")
        self.page.get_by_role("button", name="Authorize").first.click()
        dialog = self.page.locator(".dialog-ux")
        dialog.get_by_role("textbox").fill(key)
        dialog.get_by_role("button", name="Apply credentials").click()
        dialog.get_by_role("button", name="Close").first.click()

        operation = self.page.locator("[id$=list_simulations]")
        operation.get_by_role("button").first.click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table")
        expect(answer).to_contain_text("200")
        expect(answer).to_contain_text("Seen in the docs")

    def call(self, key: str, method: str, body: object = None) -> httpx.Response:
        """Send a request with an API key, as a script does."""
        return httpx.request(method, f"{self.origin}/api/simulations", headers={"X-API-Key": key}, json=body)

    def created(self, name: str) -> str:
        """Create a simulation for alice, and return its id."""
        return str(self.call(self.key, "POST", {**MONSOON, "name": name}).json()["id"])

    def found(self, id: str) -> dict[str, str]:
        found: dict[str, str] = self.server.client.get(f"/api/simulations/{id}").json()
        return found

    def number_of(self, name: str) -> int:
        query = {"q": name, "count": "true"}
        return int(self.server.client.get("/api/simulations", params=query).json()["count"])

    def save(self, tab: Page, name: str) -> None:
        tab.get_by_label("Name").fill(name)
        tab.get_by_role("button", name="Save").click()

    def upload(self, rows: str) -> None:
        content = f"name,start_date,end_date\n{rows}".encode()
        file = {"name": "simulations.csv", "mimeType": "text/csv", "buffer": content}
        self.page.get_by_label("CSV file").set_input_files(file)  # type: ignore[arg-type]
        self.page.get_by_role("button", name="Preview").click()
