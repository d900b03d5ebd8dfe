"""A real browser with a live server. Errors in the browser console fail the test."""

import shutil
from typing import Any
from unittest import skipUnless

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.faults.service import WITHIN, Server, ServiceTestCase

CHROMIUM = shutil.which("chromium")
PASSWORD = "as long as it is wide"

SET_PASSWORD = f"""
from accounts.models import User
alice = User.objects.get()
alice.set_password({PASSWORD!r})
alice.save()
"""

# Logs violations of the content security policy to the console, in a uniform format.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Refused by the policy: ${event.violatedDirective} ${event.blockedURI}`))
"""

expect.set_options(timeout=WITHIN * 1000)


@skipUnless(CHROMIUM, "Chromium is not installed")
class BrowserTestCase(ServiceTestCase):
    """Opens a browser with alice signed in. Tests share a server, but each has its own session."""

    variables = {
        **ServiceTestCase.variables,
        "SIGNUP": "open",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,  # for `createsuperuser --noinput`
    }
    server: Server
    browser: Browser
    origin: str
    cookies: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.manage("shell", "-c", SET_PASSWORD)
        cls.server = cls.launch()
        cls.origin = str(cls.server.client.base_url)
        playwright = cls.enterClassContext(sync_playwright())
        cls.browser = cls.enterClassContext(playwright.chromium.launch(executable_path=CHROMIUM))
        with cls.browser.new_context(base_url=cls.origin) as context:
            sign_in(context.new_page(), "alice")
            cls.cookies = context.storage_state()

    def setUp(self) -> None:
        self.console: list[ConsoleMessage] = []
        self.faults: list[str] = []
        self.refused: set[str] = set()  # URLs of pages that return an expected error status
        self.page = self.new_page()

    def tearDown(self) -> None:
        """Fail if the console has errors or a request went to another host."""
        noise = [message for message in self.console if not self.is_wanted(message)]
        self.assertEqual([f"{message.text} ({message.location})" for message in noise], [])
        self.assertEqual(self.faults, [])

    def new_page(self, *, signed_in: bool = True, **options: Any) -> Page:
        """Open a page in a new browser context."""
        cookies = self.cookies if signed_in else None
        context = self.browser.new_context(base_url=self.origin, storage_state=cookies, **options)
        self.addCleanup(context.close)
        self.watch(context)
        return context.new_page()

    def watch(self, context: BrowserContext) -> None:
        """Record the errors of all pages in a browser context."""
        context.set_default_timeout(WITHIN * 1000)
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self.note_message)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("request", self.note_request)
        context.on("response", self.note_response)

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(message)

    def note_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.faults.append(f"{request.url} is on another host")

    def note_response(self, response: Response) -> None:
        if response.status >= 400 and response.request.is_navigation_request():
            self.refused.add(response.url)

    def is_wanted(self, message: ConsoleMessage) -> bool:
        """Return whether a message is the browser's own report of an expected error status."""
        return message.text.startswith("Failed to load resource") and message.location["url"] in self.refused


def sign_in(page: Page, username: str) -> None:
    """Sign in with the form."""
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def make_key(page: Page, name: str) -> str:
    """Create an API key, and return it."""
    page.goto("/keys/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create API key").click()
    return page.locator("#key").inner_text()


def fill_in(page: Page, name: str, first: str, last: str) -> None:
    """Fill in the simulation form."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Start date").fill(first)
    page.get_by_label("End date").fill(last)
