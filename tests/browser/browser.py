"""A real browser beside a live server. Nothing may go wrong on a page in silence."""

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

# The browser reports to the console whatever the policy refuses; this says what it was in one form.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Refused by the policy: ${event.violatedDirective} ${event.blockedURI}`))
"""

expect.set_options(timeout=WITHIN * 1000)


@skipUnless(CHROMIUM, "Chromium is not installed")
class BrowserTestCase(ServiceTestCase):
    """Alice in a browser, signed in. Each test has a session of its own, and all share a server."""

    variables = {
        **ServiceTestCase.variables,
        "SIGNUP": "open",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,  # of whom `createsuperuser --noinput` makes
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
        self.refused: set[str] = set()  # addresses of pages that say no, as a test wants them to
        self.page = self.new_page()

    def tearDown(self) -> None:
        """Fail where the console has something to say, or a request has left this machine."""
        noise = [message for message in self.console if not self.is_wanted(message)]
        self.assertEqual([f"{message.text} ({message.location})" for message in noise], [])
        self.assertEqual(self.faults, [])

    def new_page(self, *, signed_in: bool = True, **options: Any) -> Page:
        """Open a window of a browser of its own."""
        cookies = self.cookies if signed_in else None
        context = self.browser.new_context(base_url=self.origin, storage_state=cookies, **options)
        self.addCleanup(context.close)
        self.watch(context)
        return context.new_page()

    def watch(self, context: BrowserContext) -> None:
        """Note what goes wrong in any window of a browser."""
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
            self.faults.append(f"{request.url} is not of this machine")

    def note_response(self, response: Response) -> None:
        if response.status >= 400 and response.request.is_navigation_request():
            self.refused.add(response.url)

    def is_wanted(self, message: ConsoleMessage) -> bool:
        """Tell whether a message is the browser's own on a page that answers 404 and the like."""
        return message.text.startswith("Failed to load resource") and message.location["url"] in self.refused


def sign_in(page: Page, username: str) -> None:
    """Fill in the form as a person does."""
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def make_key(page: Page, name: str) -> str:
    """Make a key, and return it."""
    page.goto("/keys/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create API key").click()
    return page.locator("#key").inner_text()


def fill_in(page: Page, name: str, first: str, last: str) -> None:
    """Fill in the form of a simulation."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Start date").fill(first)
    page.get_by_label("End date").fill(last)
