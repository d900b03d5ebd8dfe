"""The documentation matches the code."""

import re

from django.conf import settings
from django.test import SimpleTestCase


class ReadmeTests(SimpleTestCase):
    def setUp(self) -> None:
        self.readme = (settings.BASE_DIR / "README.md").read_text()

    def test_the_table_lists_every_setting(self) -> None:
        source = (settings.BASE_DIR / "config" / "settings.py").read_text()
        read = set(re.findall(r'(?:environ\.get|setting)\(\s*"([A-Z_]+)"', source))
        self.assertIn("DATABASE_URL", read)
        table = re.findall(r"^\| (`[A-Z_`, ]+`) \|", self.readme, re.MULTILINE)
        self.assertEqual({name for cell in table for name in re.findall(r"[A-Z_]+", cell)}, read)

    def test_every_relative_link_has_a_target(self) -> None:
        for page in [settings.BASE_DIR / "README.md", *settings.BASE_DIR.glob("docs/*.md")]:
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
                with self.subTest(page.name, target=target):
                    self.assertTrue((page.parent / target).exists())
