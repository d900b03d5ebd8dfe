"""Invalid variables stop manage.py and gunicorn with one line on standard error."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import global_settings, settings
from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase
from dotenv import dotenv_values

from config.databases import Limits, database
from config.environment import INVALID, mail, mail_server, redis_url, stored_secret
from tests import live

GUNICORN = str(Path(sys.executable).with_name("gunicorn"))

EMPTY = {**live.EMPTY, "PORT": "", "DATABASE_URL": "", "SECRET_KEY": ""}


def start(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **EMPTY, "WEB_CONCURRENCY": "1", **variables}
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )


def manage(**variables: str) -> subprocess.CompletedProcess[str]:
    return start([sys.executable, "manage.py", "check"], **variables)


def gunicorn(**variables: str) -> subprocess.CompletedProcess[str]:
    return start([GUNICORN, "--check-config"], **variables)


class EnvironmentTests(SimpleTestCase):
    def assertRefused(self, result: subprocess.CompletedProcess[str], *parts: str) -> None:  # noqa: N802
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)

    def test_an_invalid_value_stops_the_start_with_one_line(self) -> None:
        cases = {
            "PORT": ("abc", "a port, 1 to 65535"),
            "WEB_CONCURRENCY": ("0", "a number of worker processes"),
            "HOST": ("300.1.1.1", "an address of this machine"),
            "ALLOWED_HOSTS": ("https://example.org", "host names without scheme or port"),
            "RATE_LIMIT": ("5", "a number with /second"),
            "RATE_LIMIT_ANONYMOUS": ("many/minute", "a number with /second"),
            "REQUIRE_IF_MATCH": ("maybe", "true or false"),
            "DEBUG": ("maybe", "true or false"),
            "HTTPS": ("2", "true or false"),
            "SIGNUP": ("maybe", "open or closed"),
            "EMAIL_FROM": ("Ada", "an email address"),
            "TRUSTED_PROXIES": ("10.0.0.1/8", "addresses and networks"),
            "CONNECT_TIMEOUT": ("1", "seconds, 2 to 60"),
            "PGBOUNCER": ("maybe", "true or false"),
            "LOG_FORMAT": ("xml", "line or json"),
        }
        for name, (value, accepts) in cases.items():
            for command in (manage, gunicorn):
                with self.subTest(name, command=command.__name__):
                    line = f"{name} is {value!r}; it must be {accepts}"
                    self.assertRefused(command(**{name: value}), line)

    def test_the_statement_timeout_applies_only_to_the_service(self) -> None:
        for value in ("0", "soon", "86401", "1.5", "-1"):
            for command in (manage, gunicorn):
                with self.subTest(value, command=command.__name__):
                    refused = command(STATEMENT_TIMEOUT=value)
                    self.assertRefused(refused, "STATEMENT_TIMEOUT", repr(value), "1 to 86400, or off")
        for value, limit in {"": "30", "86400": "86400", "off": "None"}.items():
            self.assertEqual(self.read("settings.LIMITS.statement", STATEMENT_TIMEOUT=value), limit)
        show = "from django.conf import settings; print(settings.LIMITS.statement)"
        managed = start(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", show], STATEMENT_TIMEOUT="7"
        )
        self.assertEqual(managed.stdout.splitlines()[-1:], ["None"], managed.stderr)

    def test_trusted_proxies_default_to_this_machine(self) -> None:
        for value, proxies in {
            "": "127.0.0.1/32 ::1/128",
            "none": "",
            "10.0.0.0/8, 192.0.2.1": "10.0.0.0/8 192.0.2.1/32",
        }.items():
            self.assertEqual(self.read("*settings.TRUSTED_PROXIES", TRUSTED_PROXIES=value), proxies)

    def test_a_port_must_be_in_range(self) -> None:
        for value in ("0", "-1", "65536", "8000.0"):
            with self.subTest(value):
                self.assertRefused(manage(PORT=value), "PORT", repr(value))

    def test_an_invalid_database_url_is_not_repeated(self) -> None:
        for url in ("postgres://u:secret@h:port:x/db", "postgres://u:secret@h"):
            for command in (manage, gunicorn):
                with self.subTest(url, command=command.__name__):
                    result = command(DATABASE_URL=url, SECRET_KEY="x" * 50)
                    self.assertRefused(result, "DATABASE_URL", "postgres://USER:PASSWORD@HOST:PORT/NAME")
                    self.assertNotIn("secret", result.stderr)

    def test_a_replica_requires_postgresql_and_redis(self) -> None:
        whole = {"DATABASE_URL": "postgres://h/db", "SECRET_KEY": "x" * 50, "REDIS_URL": "redis://127.0.0.1"}
        replica = "postgres://u:secret@h:port:x/db"
        for changed in ({"REDIS_URL": ""}, {"DATABASE_URL": ""}, {"REPLICA_URL": "sqlite:////x"}, {}):
            with self.subTest(changed):
                result = manage(**{"REPLICA_URL": replica, **whole, **changed})
                self.assertRefused(result, "REPLICA_URL")
                self.assertNotIn("secret", result.stderr)

    def test_an_invalid_redis_url_is_not_repeated(self) -> None:
        part = "redis://:PASSWORD@HOST:PORT/NUMBER"
        for command in (manage, gunicorn):
            result = command(REDIS_URL="redis://:secret@h:65536/0")
            self.assertRefused(result, "REDIS_URL is invalid", part)
            self.assertNotIn("secret", result.stderr)
        for url in (
            "http://:secret@h",
            "redis://:secret@",
            "redis://:secret@h:port",
            "redis://:secret@h:65536/0",
            "redis://:secret@h/name",
            "redis://:secret@h/-1",
            "redis://:secret@h/0;redis://:secret@h/1",
            "redis://:secret@h?nosuch=1",
            "redis://:secret@h?socket_timeout=soon",
            "rediss://:secret@h?ssl_cert_reqs=secret",
            "unix://",
        ):
            with self.subTest(url), self.assertRaises(INVALID):
                redis_url(url)

    def test_a_redis_url_may_name_a_user_a_database_and_a_socket(self) -> None:
        for url in ("redis://h", "rediss://u:p%40@[::1]:1/2", "redis://h/?db=3", "unix:///tmp/redis.sock"):
            self.assertEqual(redis_url(url), url)

    def test_allowed_hosts_may_have_every_form_that_django_accepts(self) -> None:
        names = "example.org, .example.com,127.0.0.1,[::1],*"
        read = self.read("*settings.ALLOWED_HOSTS", ALLOWED_HOSTS=names)
        self.assertEqual(read, "example.org .example.com 127.0.0.1 [::1] *")

    def test_an_invalid_email_url_is_not_repeated(self) -> None:
        for command in (manage, gunicorn):
            with self.subTest(command.__name__):
                result = command(EMAIL_URL="imap://u:secret@h")
                self.assertRefused(result, "EMAIL_URL", "smtp://USER:PASSWORD@HOST:PORT")
                self.assertNotIn("secret", result.stderr)

    def test_an_invalid_metrics_token_is_not_repeated(self) -> None:
        for token in ("two secrets", "sécret", "secret\n"):
            for command in (manage, gunicorn):
                with self.subTest(token, command=command.__name__):
                    result = command(METRICS_TOKEN=token)
                    self.assertRefused(result, "METRICS_TOKEN", "ASCII characters without spaces")
                    self.assertNotIn(token, result.stderr)

    def test_postgresql_requires_a_secret_key(self) -> None:
        for command in (manage, gunicorn):
            with self.subTest(command.__name__):
                result = command(DATABASE_URL="postgres://u:secret@h/db")
                self.assertRefused(result, "SECRET_KEY is not set")
                self.assertNotIn("secret", result.stderr.replace("SECRET_KEY", ""))

    def read(self, expression: str, **variables: str) -> str:
        """Return the value of an expression of settings, with these variables."""
        program = f"from config import settings; print({expression})"
        result = start([sys.executable, "-c", program], **variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def test_rate_limits_default_to_1200_and_60_per_minute(self) -> None:
        limits = "*(rate and tuple(rate) for rate in (settings.RATE_LIMIT, settings.RATE_LIMIT_ANONYMOUS))"
        for first, second, read in (
            ("", "", "(1200, 60) (60, 60)"),
            ("5/second", "7/day", "(5, 1) (7, 86400)"),
            ("off", "off", "None None"),
        ):
            self.assertEqual(self.read(limits, RATE_LIMIT=first, RATE_LIMIT_ANONYMOUS=second), read)

    def test_counters_are_in_redis_if_configured(self) -> None:
        cache = "*(settings.CACHES['default'].get(name) for name in ('BACKEND', 'LOCATION'))"
        self.assertIn(".LocMemCache None", self.read(cache, REDIS_URL=""))
        url = "redis://127.0.0.1:1/0"
        self.assertIn(f".RedisCache {url}", self.read(cache, REDIS_URL=url))

    def test_mail_is_sent_to_the_console_unless_a_server_is_configured(self) -> None:
        names = "[(name, value) for name, value in vars(settings).items() if 'MAIL' in name]"
        console = self.read(names, EMAIL_URL="", EMAIL_FROM="")
        self.assertIn("console.EmailBackend", console)
        self.assertIn("goatfish@localhost", console)
        server = self.read(names, EMAIL_URL="smtp://mail.example.org", EMAIL_FROM="ada@example.org")
        for part in ("smtp.EmailBackend", "'mail.example.org'", "'ada@example.org'"):
            self.assertIn(part, server)

    def test_sign_up_is_closed_by_default(self) -> None:
        self.assertEqual(self.read("settings.SIGNUP", SIGNUP=""), "closed")
        self.assertEqual(self.read("settings.SIGNUP", SIGNUP="open"), "open")

    def test_cookies_are_secure_with_tls_and_always_same_site(self) -> None:
        secure = "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_NAME"
        self.assertEqual(self.read(secure, HTTPS="true"), "True True __Host-sessionid")
        self.assertEqual(self.read(secure, HTTPS=""), "False False sessionid")
        self.assertEqual((settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE), (True, "Lax"))

    def test_empty_values_are_treated_as_unset(self) -> None:
        for command in (manage, gunicorn):
            with self.subTest(command.__name__):
                result = command(**EMPTY)
                self.assertEqual(result.returncode, 0, result.stderr)
        result = manage(WEB_CONCURRENCY="")  # gunicorn itself rejects an empty one
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_the_example_settings_start_unchanged(self) -> None:
        shipped = dotenv_values(settings.BASE_DIR / "deploy" / "env.example")
        self.assertNotIn("WEB_CONCURRENCY", shipped)  # gunicorn would reject an empty one
        given = {**shipped, "SECRET_KEY": "x" * 50}
        result = gunicorn(**{name: value or "" for name, value in given.items()})
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_an_unusable_secret_key_stops_the_start_with_one_line(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        for file in (folder, folder / "file" / "secret_key", folder / "no_text"):
            (folder / "file").touch()
            (folder / "no_text").write_bytes(b"\xff\xfe")
            with (
                self.subTest(file),
                self.assertRaisesRegex(ImproperlyConfigured, "SECRET_KEY is not set, and /"),
            ):
                stored_secret(file)
        for key in (" ", "\n", "\udcff"):
            self.assertRefused(
                manage(DATABASE_URL="postgres://h/db", SECRET_KEY=key), "SECRET_KEY is not set"
            )

    def test_an_unreachable_database_is_reported_in_one_line(self) -> None:
        url = f"postgres://u:secret@127.0.0.1:{live.free_port()}/db"
        result = start([sys.executable, "manage.py", "migrate"], DATABASE_URL=url, SECRET_KEY="x" * 50)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn("The database of DATABASE_URL fails: ", result.stderr)
        self.assertNotIn("secret", result.stderr)

    def test_valid_values_start(self) -> None:
        folder = self.enterContext(TemporaryDirectory())
        url = f"sqlite:///{folder}/goatfish.sqlite3"
        good = {"DEBUG": "true", "PORT": "65535", "HOST": "::1", "DATABASE_URL": url, "LOG_FORMAT": "json"}
        good |= {"METRICS_TOKEN": "a+b/c=", "SENTRY_DSN": "https://public@example.org/1"}
        for command in (manage, gunicorn):
            with self.subTest(command.__name__):
                result = command(**good)
                self.assertEqual(result.returncode, 0, result.stderr)


class DatabaseUrlTests(SimpleTestCase):
    def database(self, url: str, *, pooled: bool = False) -> dict[str, Any]:
        return database(url, Limits(connect=5, statement=30), pooled=pooled)

    def test_a_sqlite_file_must_be_in_an_existing_folder(self) -> None:
        folder = self.enterContext(TemporaryDirectory())
        for path in (folder, f"{folder}/none/goatfish.sqlite3", ":memory:", "x%00y"):
            with (
                self.subTest(path),
                self.assertRaisesRegex(ImproperlyConfigured, "DATABASE_URL names the file"),
            ):
                self.database(f"sqlite:///{path}")

    def test_a_postgresql_url_must_name_a_database(self) -> None:
        for url in ("postgres://", "postgres://u:secret@h", "postgres:///?host=h", "postgres://h:5_432/db"):
            with self.subTest(url), self.assertRaises(INVALID):
                self.database(url)
        self.assertEqual(self.database("postgres:///db")["NAME"], "db")
        self.assertEqual(self.database("postgres://?service=s")["OPTIONS"]["service"], "s")

    def test_a_postgresql_url_may_name_several_hosts(self) -> None:
        entry = self.database(
            "postgres://ada:p%40ss@one:5432,two:5433/goatfish?target_session_attrs=read-write"
        )
        self.assertEqual(
            {name: entry[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")},
            {"NAME": "goatfish", "USER": "ada", "PASSWORD": "p@ss", "HOST": "one,two", "PORT": "5432,5433"},
        )
        self.assertEqual(entry["OPTIONS"]["target_session_attrs"], "read-write")

    def test_invalid_urls_are_rejected(self) -> None:
        for url in (
            "postgres://u:secret@h:port:x/db",
            "postgres://u:secret@h:65536/db",
            "postgres://u:secret@h:0/db",
            "postgres://u:secret@h/db?ssl_mod=require",
            "postgres://u:secret@h/db?secret",
            "postgres://u:secret@[h/db",
            "postgres://u:secret%@h/db",
            "postgres://u:secret%00@h/db",
            "postgres://u:the secret@h/db",
            "postgres://u:secret/@h/db",
            "host=h password=secret",
            "mysql://u:secret@h/db",
            "u:secret@h",
            "secret",
            "sqlite://secret",
            "sqlite:///",
        ):
            with self.subTest(url), self.assertRaises(INVALID):
                self.database(url)

    def test_a_session_starts_with_the_statement_timeout_and_the_options_of_the_url(self) -> None:
        for query, end in {
            "": "-c statement_timeout=30s",
            "?options=-c%20work_mem%3D8MB": "-c statement_timeout=30s -c work_mem=8MB",
        }.items():
            options = self.database(f"postgres://h/db{query}")["OPTIONS"]["options"]
            self.assertTrue(options.startswith("-c tcp_keepalives_idle=10 "), options)
            self.assertTrue(options.endswith(end), options)
        entry = self.database("postgres://h/db?connect_timeout=9&tcp_user_timeout=1")
        self.assertEqual(entry["OPTIONS"]["connect_timeout"], "9")
        self.assertEqual(entry["OPTIONS"]["tcp_user_timeout"], "1")

    def test_pgbouncer_gets_no_session_options_and_no_prepared_statements(self) -> None:
        options = self.database("postgres://h/db", pooled=True)["OPTIONS"]
        self.assertNotIn("options", options)
        self.assertIsNone(options["prepare_threshold"])
        self.assertEqual(self.database("postgres://h/db")["OPTIONS"]["prepare_threshold"], 2)
        with self.assertRaisesRegex(ImproperlyConfigured, "PGBOUNCER requires a URL without `options`"):
            self.database("postgres://h/db?options=-c%20jit%3Doff", pooled=True)

    def test_a_sqlite_url_may_be_percent_encoded(self) -> None:
        self.assertEqual(str(self.database("sqlite:////tmp/a%20b.sqlite3")["NAME"]), "/tmp/a b.sqlite3")


class MailServerTests(SimpleTestCase):
    def test_the_scheme_selects_the_encryption(self) -> None:
        for url, server in {
            "smtp://localhost": ("localhost", 25, "", "", False, False),
            "smtp://[::1]:2525": ("::1", 2525, "", "", False, False),
            "submission://ada:p%40ss@mail.example.org/": (
                "mail.example.org",
                587,
                "ada",
                "p@ss",
                True,
                False,
            ),
            "smtps://ada:u@mail.example.org:4650": ("mail.example.org", 4650, "ada", "u", False, True),
        }.items():
            with self.subTest(url):
                self.assertEqual(tuple(mail_server(url).values()), (*server, 10))

    def test_the_settings_have_the_names_of_the_django_version(self) -> None:
        server = mail_server("smtps://ada:secret@mail.example.org")
        (mailer,) = mail(server, (6, 1, 0))["MAILERS"].values()
        self.assertEqual(mailer["OPTIONS"], server)
        before = mail(server, (6, 0, 9))
        self.assertEqual(before["EMAIL_BACKEND"], mailer["BACKEND"])
        self.assertEqual((before["EMAIL_HOST"], before["EMAIL_PORT"]), ("mail.example.org", 465))
        self.assertEqual((before["EMAIL_HOST_USER"], before["EMAIL_HOST_PASSWORD"]), ("ada", "secret"))
        self.assertTrue(before["EMAIL_USE_SSL"])
        self.assertLessEqual(set(before), set(dir(global_settings)))

    def test_invalid_urls_are_rejected(self) -> None:
        for url in (
            "imap://u:secret@h",
            "smtp://u:secret@h:port",
            "smtp://u:secret@h:65536",
            "smtp://u:secret@",
            "smtp://u:secret@[h",
            "smtp://h/secret",
            "smtp://h?secret",
            "smtp://u:1#secret@h",
            "u:secret@h",
            "secret",
        ):
            with self.subTest(url), self.assertRaises(INVALID):
                mail_server(url)
