"""The files for Docker, Compose and Caddy, as far as they can be tested without Docker."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import skipUnless

import yaml
from django.conf import settings
from django.test import SimpleTestCase

from tests.deploy.front import DEPLOY
from tests.test_house import LAYERS

CADDY = shutil.which("caddy")


class ContainerTests(SimpleTestCase):
    def test_the_dockerfile_passes_its_linter(self) -> None:
        hadolint = Path(sys.executable).with_name("hadolint")
        result = subprocess.run(
            [hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
        )
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def test_the_image_contains_only_the_service(self) -> None:
        taken = re.findall("^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
        self.assertLessEqual({*LAYERS, "static", "templates", "manage.py", "requirements.lock"}, set(taken))
        for name in taken:
            self.assertTrue((settings.BASE_DIR / name).exists(), name)
            self.assertFalse(name.startswith((".", "var", "tests")), name)

    def test_the_image_has_pg_dump_of_the_servers_major_version(self) -> None:
        client = re.search(r"postgresql-client-(\d+)", (DEPLOY / "Dockerfile").read_text())
        server = re.search(r"image: postgres:(\d+)", (DEPLOY / "compose.yaml").read_text())
        assert client
        assert server
        self.assertEqual(client[1], server[1])

    def test_every_container_is_read_only_and_unprivileged(self) -> None:
        services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        self.assertIn("web", services)
        for name, service in services.items():
            with self.subTest(name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertTrue("ports" not in service or name == "proxy")

    def test_the_example_settings_exist(self) -> None:
        read = (settings.BASE_DIR / "config" / "settings.py").read_text()
        template = (DEPLOY / "env.example").read_text()
        for name in re.findall(r"^([A-Z_]+)=", template, re.MULTILINE):
            self.assertTrue(f'"{name}"' in read or name == "POSTGRES_PASSWORD", name)

    @skipUnless(CADDY, "caddy is not installed")
    def test_caddy_accepts_the_configuration(self) -> None:
        command = [str(CADDY), "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
        environment = {**os.environ, "SITE": "goatfish.example.org", "UPSTREAM": "web:8000"}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        command = [str(CADDY), "fmt", str(DEPLOY / "Caddyfile")]
        formatted = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        self.assertEqual(formatted, (DEPLOY / "Caddyfile").read_text())
