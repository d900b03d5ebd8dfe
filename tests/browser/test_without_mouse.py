"""The pages work without a mouse and without JavaScript."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.browser import PASSWORD, BrowserTestCase, fill_in, make_key, sign_in

# The focused element, and its outline.
FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const place = element.getBoundingClientRect();
  return {
    name: element === document.body ? "" : element.outerHTML.slice(0, 80),
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    seen: place.left >= 0 && place.right <= innerWidth && place.width > 0,
  };
}"""


class WithoutMouseTests(BrowserTestCase):
    def test_the_first_tab_stop_skips_to_the_main_content(self) -> None:
        self.page.goto("/simulations/")
        self.page.keyboard.press("Tab")
        skip = self.page.get_by_role("link", name="Skip to main content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        self.page.keyboard.press("Enter")
        expect(self.page.locator("main")).to_be_focused()
        self.page.keyboard.press("Tab")
        expect(self.page.get_by_role("link", name="New simulation")).to_be_focused()

    def test_every_focused_element_is_visible(self) -> None:
        make_key(self.page, "to be tabbed to")
        for path in ("/", "/keys/", "/keys/new/", "/simulations/", "/simulations/timeline/"):
            self.page.goto(path)
            stops = self.stops()
            self.assertGreater(len(stops), 8, path)
            for stop in stops:
                with self.subTest(path, stop=stop["name"]):
                    self.assertGreaterEqual(stop["outline"], 2)
                    self.assertTrue(stop["seen"])

    def test_an_api_key_can_be_created_with_the_keyboard_alone(self) -> None:
        page = self.new_page(signed_in=False)
        page.goto("/keys/new/")
        expect(page.get_by_label("Username")).to_be_focused()
        self.type(page, "alice", "Tab", PASSWORD, "Enter")
        expect(page.get_by_role("heading", name="Create an API key")).to_be_visible()
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "name":
                break
        self.type(page, "Control+A", "by keyboard", "Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("New API key: by keyboard")

    def test_keys_and_simulations_can_be_managed_without_javascript(self) -> None:
        page = self.new_page(signed_in=False, java_script_enabled=False)
        sign_in(page, "alice")
        self.assertRegex(make_key(page, "made without a script"), r"^gf_\w{36}$")
        expect(page.get_by_role("button", name="Copy")).to_have_count(0)

        page.goto("/simulations/create/")
        fill_in(page, "Made without a script", "2026-06-01", "2026-09-30")
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("status")).to_contain_text("was created")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("End date").fill("2026-10-31")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("was saved")
        page.get_by_role("link", name="View on timeline").click()
        expect(page.get_by_role("row", name="Made without a script")).to_contain_text("2026-10-31")
        page.get_by_role("link", name="Made without a script").click()
        page.get_by_role("link", name="Delete").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("status")).to_contain_text("was deleted")

    def type(self, page: Page, *keys: str) -> None:
        """Press named keys, and type other strings."""
        for key in keys:
            if key in ("Tab", "Enter", "Control+A"):
                page.keyboard.press(key)
            else:
                page.keyboard.type(key)

    def stops(self) -> list[dict[str, Any]]:
        """Press Tab through a page, and return the elements that receive the focus."""
        stops: list[dict[str, Any]] = []
        while not stops or stops[-1]["name"]:
            self.assertLess(len(stops), 200, "Tab never leaves the page")
            self.page.keyboard.press("Tab")
            stops.append(self.page.evaluate(FOCUSED))
        return stops[:-1]
