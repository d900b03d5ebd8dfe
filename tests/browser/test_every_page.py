"""Checks every page with axe-core, in light and dark mode, on desktop and phone, and limits its size."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from shutil import copy, which
from unittest import skipUnless

from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Page, expect

from tests.browser.browser import PASSWORD, BrowserTestCase, fill_in, make_key, sign_in

NPM = which("npm")
SOURCES = Path(__file__).parent
# `preload` parses stylesheets in a way that the content security policy blocks.
ALL_RULES: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
COLOURS = {**ALL_RULES, "runOnly": ["color-contrast"]}  # the only rule that depends on the color scheme
LOOKS = [
    ("light", 1280, ALL_RULES),
    ("light", 360, ALL_RULES),
    ("dark", 1280, COLOURS),
    ("dark", 360, COLOURS),
]
HEAVIEST = 100_000  # most bytes of a page

# The admin animates the change between light and dark; the contrast is only correct afterwards.
SETTLED = "() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished))"

# By URL name; alice is signed in.
PAGES = {
    "home": ["/"],
    "sign_up": ["/accounts/sign-up/"],
    "password_change": ["/accounts/password/"],
    "password_reset": ["/accounts/password/forgotten/"],
    "keys": ["/keys/"],
    "new_key": ["/keys/new/"],
    "key": ["/keys/{key}/"],
    "simulations:list": ["/simulations/", "/simulations/?q=nothing", "/simulations/?active_on=soon"],
    "simulations:timeline": [
        "/simulations/timeline/?from={year}-01-01&to={year}-12-31",  # one bar per row
        "/simulations/timeline/?from=2041-01-01&to=2041-12-31",  # lanes with many bars
        "/simulations/timeline/",  # histogram
        "/simulations/timeline/?from=1999-01-01&to=1999-12-31",  # empty
        "/simulations/timeline/?from=2026-02-01&to=2026-01-01",  # an error
    ],
    "simulations:upload": ["/simulations/upload/"],
    "simulations:create": ["/simulations/create/"],
    "simulations:detail": ["/simulations/{simulation}/"],
    "simulations:edit": ["/simulations/{simulation}/edit/"],
    "simulations:delete": ["/simulations/{simulation}/delete/"],
    "problems": ["/problems"],
    "problem": ["/problems/validation-error", "/problems/rate-limited", "/problems/internal-error"],
}
PAGES_OF_TESTS_BELOW = {"login", "password_reset_confirm"}
NO_PAGES = {"logout", "rotate_key", "revoke_key", "simulations:download", "simulations:confirm"}

ADMIN = [
    "",
    "accounts/user/",
    "accounts/user/1/change/",
    "accounts/user/1/issue-key/",
    "accounts/user/1/delete/",
    "accounts/apikey/",
    "accounts/apikey/{key}/change/",
    "simulations/simulation/",
    "simulations/simulation/add/",
    "simulations/simulation/{simulation}/change/",
    "simulations/simulation/{simulation}/history/",
    "simulations/simulation/{simulation}/delete/",
    "admin/logentry/",
    "admin/logentry/?q=alice",
]

EXAMPLES = [  # name, first day of the year, number of days
    ("Ice on the fjord", 1, 75),
    ("Low tide, spring", 62, 30),
    ("Snowmelt, upper valley", 78, 64),
    ("Pollen season", 88, 70),
    ("Bridge under heavy traffic", 110, 20),
    ("Monsoon season", 152, 121),
    ("Heat wave", 186, 24),
    ("Harbour traffic", 196, 92),
    ("Wildfire smoke", 214, 45),
    ("Autumn storms", 262, 70),
    ("Power grid in winter", 300, 65),
    ("Year-end returns", 335, 30),
]

# Violations in third-party code: for each rule, the elements that can break it, with their descendants.
# Swagger UI: colors, headings and controls. Django's admin: the search box, which is labelled by an image;
# the owner field (Select2); split date and time fields; empty table headings; the icon next to Select2.
ALLOWED = {
    "color-contrast": "#swagger-ui",
    "heading-order": "#swagger-ui",
    "nested-interactive": "#swagger-ui",
    "select-name": "#swagger-ui",
    "label": "#swagger-ui, .datetime",
    "label-title-only": "#searchbar",
    "aria-input-field-name": ".select2-selection, .select2-selection__rendered",
    "empty-table-header": ".tabular th",
    "aria-prohibited-attr": ".search-label-icon",
}

# Returns a line for each element that breaks a rule.
VIOLATIONS = """async ([options, allowed]) => {
  const isAllowed = (rule, node) =>
    rule.id in allowed && document.querySelector(node.target[0]).closest(allowed[rule.id]);
  const lines = (rule) => rule.nodes
    .filter((node) => !isAllowed(rule, node))
    .map((node) => `${rule.id}: ${node.target} ${node.failureSummary}`);
  return (await axe.run(options)).violations.flatMap(lines);
}"""


@skipUnless(NPM, "npm is not installed")
class EveryPageTests(BrowserTestCase):
    maxDiff = None
    axe: str
    known: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        """Install the axe-core version that package-lock.json pins, and create simulations to show."""
        super().setUpClass()
        for name in ("package.json", "package-lock.json"):
            copy(SOURCES / name, cls.folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=cls.folder, check=True, capture_output=True, timeout=300)
        cls.axe = (cls.folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
        client = cls.server.client
        for items in (shown_this_year(), [row("Crowded", 2041, n % 300 + 1) for n in range(1000)]):
            made = client.post("/api/simulations/bulk", json={"items": items})
            assert made.status_code == 201, made.text
        cls.known = {"simulation": made.json()["ids"][0], "key": "1", "year": str(date.today().year)}

    def test_every_url_is_covered(self) -> None:
        named = set(names_of(get_resolver())) - PAGES_OF_TESTS_BELOW - NO_PAGES
        self.assertEqual(named, set(PAGES))

    def test_every_page_is_accessible(self) -> None:
        for path in [path for paths in PAGES.values() for path in paths]:
            self.examine_at(path)

    def test_pages_for_anonymous_users_are_accessible(self) -> None:
        page = self.new_page(signed_in=False)
        for path in ("/", "/accounts/login/?next=/keys/", "/accounts/password/reset/MQ/worn-out/"):
            self.examine_at(path, page)

    def test_error_pages_are_accessible(self) -> None:
        self.examine_at("/nowhere", status=404)
        self.examine_at("/simulations/n2jGbuV2mBA4RjaUvGuw/", status=404)
        page = self.new_page(signed_in=False)
        page.goto("/accounts/login/")
        page.context.clear_cookies()
        self.submit(page, "Sign in", {"Username": "mallory", "Password": "guessed"})
        self.examine(page, "Form expired")
        page.goto("/accounts/login/")
        for _ in range(5):
            self.submit(page, "Sign in", {"Username": "mallory", "Password": "guessed"})
        self.examine(page, "Too many attempts")

    def test_forms_with_errors_are_accessible(self) -> None:
        page = self.page
        page.goto("/simulations/create/")
        fill_in(page, "Ends before it begins", "2026-09-30", "2026-06-01")
        page.get_by_role("button", name="Create").click()
        self.examine(page, "New simulation")
        page.goto("/accounts/sign-up/")
        typed = {"Username": "alice", "Password:": "1", "Password confirmation": "2"}
        self.submit(page, "Sign up", typed)
        self.examine(page, "Sign up")
        page.goto("/accounts/password/")
        typed = {"Old password": "wrong", "New password:": "1", "New password confirmation": "2"}
        self.submit(page, "Change password", typed)
        self.examine(page, "Change password")
        page = self.new_page(signed_in=False)
        page.goto("/accounts/login/")
        self.submit(page, "Sign in", {"Username": "alice", "Password": "wrong"})
        self.examine(page, "Sign in")

    def test_the_password_reset_pages_are_accessible(self) -> None:
        page = self.new_page(signed_in=False)
        page.goto("/accounts/sign-up/")
        typed = {"Username": "carol", "Email": "carol@example.org", "Password:": PASSWORD}
        self.submit(page, "Sign up", {**typed, "Password confirmation": PASSWORD})
        page.get_by_role("button", name="Sign out").click()
        page.goto("/accounts/password/forgotten/")
        self.submit(page, "Send reset link", {"Email": "carol@example.org"})
        self.examine(page, "Sign in")
        link = re.search(r"http://[^/\s]+(/accounts/password/reset/\S+)", self.server.log.read_text())
        assert link is not None  # of the mail, not of the access log
        page.goto(link[1])
        self.examine(page, "Set a new password")
        typed = {"New password:": PASSWORD[::-1], "New password confirmation": PASSWORD[::-1]}
        self.submit(page, "Set password", typed)
        expect(page.get_by_role("status")).to_contain_text("Your password was set")

    def test_the_pages_of_an_api_key_are_accessible(self) -> None:
        page = self.page
        make_key(page, "shown once")
        self.examine(page, "New API key: shown once")
        page.goto("/keys/")
        page.get_by_role("link", name="shown once").click()
        page.get_by_role("button", name="Rotate").click()
        self.examine(page, "New API key: shown once")
        page.goto("/keys/")
        page.get_by_role("link", name="shown once").first.click()
        page.get_by_text("Revoke this key").click()
        self.examine(page, "shown once")
        page.get_by_role("button", name="Revoke now").click()
        page.get_by_text("Revoked and expired keys").click()
        self.examine(page, "API keys")
        page.get_by_role("link", name="shown once").last.click()
        self.examine(page, "shown once")

    def test_the_conflict_pages_are_accessible(self) -> None:
        created = self.server.client.post("/api/simulations", json=row("Moving", 2026, 1))
        path, page = created.headers["Location"].removeprefix("/api"), self.page
        for address, button, title in (
            ("edit", "Save", "Edit simulation"),
            ("delete", "Delete", "Delete this simulation?"),
        ):
            page.goto(f"{path}/{address}/")
            self.server.client.patch(f"/api{path}", json={"name": "Moved"})
            page.get_by_role("button", name=button).click()
            expect(page.get_by_role("alert")).to_contain_text("Nothing was")
            self.examine(page, title)
        page.goto(f"{path}/edit/")
        self.server.client.delete(f"/api{path}")
        page.get_by_role("button", name="Save").click()
        self.examine(page, "Simulation not found")

    def test_the_upload_pages_are_accessible(self) -> None:
        for rows in ("Wrong,2026-02-28,2026-02-01\n" * 200, "Right,2026-02-01,2026-02-28\n" * 200):
            self.page.goto("/simulations/upload/")
            content = f"name,start_date,end_date\n{rows}".encode()
            self.page.get_by_label("CSV file").set_input_files(
                {"name": "simulations.csv", "mimeType": "text/csv", "buffer": content}
            )
            self.page.get_by_role("button", name="Preview").click()
            expect(self.page.get_by_role("table", name="First rows of the file")).to_be_visible()
            self.examine(self.page, "Upload simulations")

    def test_empty_pages_are_accessible(self) -> None:
        page = self.new_page(signed_in=False)
        page.goto("/accounts/sign-up/")
        typed = {"Username": "dave", "Password:": PASSWORD, "Password confirmation": PASSWORD}
        self.submit(page, "Sign up", typed)
        self.examine(page, "Simulations")
        for path in ("/simulations/timeline/", "/keys/"):
            self.examine_at(path, page)

    def test_the_docs_page_is_accessible(self) -> None:
        self.page.goto("/api/docs")
        expect(self.page.locator("[id$=list_simulations]")).to_be_visible()
        self.examine(self.page)
        self.page.locator("[id$=create_simulation]").get_by_role("button").first.click()
        self.page.get_by_role("button", name="Try it out").click()
        self.examine(self.page)

    def test_the_admin_pages_are_accessible(self) -> None:
        self.manage("createsuperuser", "--noinput", "--username=operator", "--email=operator@example.org")
        page = self.new_page(signed_in=False)
        sign_in(page, "operator")
        for path in ADMIN:
            self.examine_at(f"/admin/{path}", page)

    def test_the_screenshots_of_the_readme_are_small(self) -> None:
        folder = Path(os.environ.get("PICTURES") or self.folder)
        timeline = PAGES["simulations:timeline"][0].format(**self.known)
        for name, path, shown, scheme, width in (
            ("timeline-light", timeline, "Monsoon season", "light", 1200),
            ("timeline-dark", timeline, "Monsoon season", "dark", 1200),
            ("timeline-phone", timeline, "Monsoon season", "light", 390),
            ("docs", "/api/docs", "/api/simulations/bulk", "light", 1200),
        ):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.set_viewport_size({"width": width, "height": 860})
            self.page.goto(path)
            expect(self.page.get_by_text(shown)).to_be_visible()
            picture = self.page.screenshot(path=folder / f"{name}.png")
            self.assertLess(len(picture), 150_000, name)

    def examine_at(self, path: str, page: Page | None = None, status: int = 200) -> None:
        page = page or self.page
        with self.subTest(path):
            answer = page.goto(path.format(**self.known))
            assert answer is not None
            self.assertEqual(answer.status, status)
            self.examine(page)

    def examine(self, page: Page, title: str = "") -> None:
        """Check a page in every color scheme and width. `title` is the expected heading."""
        if title:
            expect(page.get_by_role("heading", level=1)).to_have_text(title)
        page.evaluate(self.axe)
        for scheme, width, rules in LOOKS:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(SETTLED)
            with self.subTest(page.url, scheme=scheme, width=width):
                self.assertEqual(page.evaluate(VIOLATIONS, [rules, ALLOWED]), [])
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
        weight = page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize")
        self.assertLess(weight, HEAVIEST, page.url)

    def submit(self, page: Page, button: str, typed: dict[str, str]) -> None:
        for label, text in typed.items():
            page.get_by_label(label).fill(text)
        page.get_by_role("button", name=button).click()


def names_of(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    """Yield the names of all URLs, except those of the API and of Django's admin."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            if pattern.name:
                yield f"{namespace}{pattern.name}"
        elif pattern.namespace not in ("api", "admin"):
            yield from names_of(pattern, f"{pattern.namespace}:" if pattern.namespace else namespace)


def row(name: str, year: int, day: int, days: int = 40) -> dict[str, str]:
    """Return a simulation that starts on a day of a year."""
    first = date(year, 1, 1) + timedelta(day - 1)
    return {"name": name, "start_date": str(first), "end_date": str(first + timedelta(days))}


def shown_this_year() -> list[dict[str, str]]:
    """Return the example simulations, in the current year."""
    year = date.today().year
    return [row(name, year, day, days) for name, day, days in EXAMPLES]
