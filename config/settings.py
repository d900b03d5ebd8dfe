"""All settings of the service. Only this module reads the environment (README.md lists the variables)."""

import os
import sys
import tomllib
from contextlib import suppress
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

from config import environment as env
from config.databases import ACCEPTS, Limits, database, sqlite
from config.environment import Rate, setting
from ops.error_reports import report_errors
from ops.logs import logging_as

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
STATIC_ROOT = VAR_DIR / "static"
with suppress(OSError):  # the file system may be read only
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

try:
    load_dotenv(BASE_DIR / ".env")  # does not override the environment
except UnicodeError:
    raise ImproperlyConfigured(f"{BASE_DIR / '.env'} is not text in UTF-8.") from None

# The process

DEBUG = setting("DEBUG", False, env.boolean, "true or false")
local_names = ["localhost", "127.0.0.1", "[::1]"]
names = "host names without scheme or port, separated by commas"
ALLOWED_HOSTS = setting("ALLOWED_HOSTS", local_names, env.host_names, names)
HOST = setting("HOST", "127.0.0.1", env.host, "an address of this machine")
PORT = setting("PORT", 8000, env.number(1, 65535), "a port, 1 to 65535")
processes = "a number of worker processes, 1 to 1024"
WEB_CONCURRENCY = setting("WEB_CONCURRENCY", os.cpu_count() or 1, env.number(1, 1024), processes)
loopback = [ip_network("127.0.0.1"), ip_network("::1")]
networks = "addresses and networks such as 10.0.0.0/8, separated by commas, or none"
TRUSTED_PROXIES = setting("TRUSTED_PROXIES", loopback, env.networks, networks)
ascii_only = "at most 1000 ASCII characters without spaces"
METRICS_TOKEN = setting("METRICS_TOKEN", "", env.bearer_token, ascii_only, secret=True)

# Data

CONNECT_TIMEOUT = setting("CONNECT_TIMEOUT", 5, env.number(2, 60), "seconds, 2 to 60")  # libpq's least is 2
seconds_or_off = "seconds, 1 to 86400, or off"
STATEMENT_TIMEOUT = setting("STATEMENT_TIMEOUT", 30, env.or_off(env.number(1, 86_400)), seconds_or_off)
# Migrations, backups and other commands may take longer.
LIMITS = Limits(CONNECT_TIMEOUT, None if Path(sys.argv[0]).name == "manage.py" else STATEMENT_TIMEOUT)
PGBOUNCER = setting("PGBOUNCER", False, env.boolean, "true or false")
DATABASE_URL = os.environ.get("DATABASE_URL", "")  # for tests
parse_database = partial(database, limits=LIMITS, pooled=PGBOUNCER)
DATABASES = {
    "default": setting("DATABASE_URL", None, parse_database, ACCEPTS, secret=True)
    or sqlite(VAR_DIR / "goatfish.sqlite3")
}
ON_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")

SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY and ON_SQLITE:
    SECRET_KEY = env.stored_secret(VAR_DIR / "secret_key")
if not SECRET_KEY.strip() or not SECRET_KEY.isprintable():
    raise ImproperlyConfigured(
        "SECRET_KEY is not set; PostgreSQL requires 50 random characters, the same on each machine."
    )

redis_form = "redis://:PASSWORD@HOST:PORT/NUMBER with special characters percent-encoded"
REDIS_URL = setting("REDIS_URL", "", env.redis_url, redis_form, secret=True)
CACHES = {"default": env.cache(REDIS_URL)}

REPLICA_URL = os.environ.get("REPLICA_URL", "")
if REPLICA_URL:
    if ON_SQLITE or not REDIS_URL or REPLICA_URL.startswith("sqlite"):
        raise ImproperlyConfigured("REPLICA_URL requires PostgreSQL, in DATABASE_URL too, and REDIS_URL.")
    DATABASES["replica"] = setting("REPLICA_URL", {}, parse_database, ACCEPTS, secret=True)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SERIALIZATION_MODULES = {"jsonl": "ops.jsonl"}

# The house

INSTALLED_APPS = [
    "ops.admin_site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "ninja",  # serves Swagger UI, which otherwise comes from a CDN
    "ops",
    "owned",
    "api",
    "accounts",
    "simulations",
]
MIDDLEWARE = [
    "ops.middleware.requests.RequestMiddleware",
    "ops.health.HealthMiddleware",
    *(["ops.metrics.middleware.MetricsMiddleware"] if METRICS_TOKEN else []),
    "django.middleware.security.SecurityMiddleware",
    "api.middleware.ApiMiddleware",
    # Only pages need these: Django's own and that of libraries, skipped under /api.
    "ops.middleware.pages.ContentSecurityPolicyMiddleware",
    "ops.middleware.pages.WhiteNoiseMiddleware",
    "ops.middleware.pages.SessionMiddleware",
    "ops.middleware.pages.CommonMiddleware",
    "ops.middleware.pages.CsrfViewMiddleware",
    "ops.middleware.pages.AuthenticationMiddleware",
    "ops.middleware.pages.MessageMiddleware",
    "ops.middleware.pages.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# Django looks for its own names, and the two that are missed are subclassed in ops/middleware/pages.py.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W003"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# What a client may ask for

DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20  # bytes of a body; most operations allow less
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_HANDLERS = ["api.bulk.uploads.CappedUploadHandler"]
rate_or_off = "a number with /second, /minute, /hour or /day, such as 1200/minute, or off"
RATE_LIMIT = setting("RATE_LIMIT", Rate(1200, 60), env.or_off(env.rate), rate_or_off)
RATE_LIMIT_ANONYMOUS = setting("RATE_LIMIT_ANONYMOUS", Rate(60, 60), env.or_off(env.rate), rate_or_off)
REQUIRE_IF_MATCH = setting("REQUIRE_IF_MATCH", False, env.boolean, "true or false")

# People

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "login", "simulations:list", "home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarity", {}),
        ("MinimumLength", {"min_length": 12}),
        ("CommonPassword", {}),
        ("NumericPassword", {}),
    )
]
SESSION_COOKIE_AGE = 12 * 3600  # seconds after signing in
SIGNUP = setting("SIGNUP", "closed", env.one_of("open", "closed"), "open or closed")

# Five failed attempts lock a username, but only for their address, so nobody can lock others out. Attempts
# during the lock are not counted. Every attempt, and every sign-out, deletes expired ones.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT, AXES_COOLOFF_TIME = 5, timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True

server_form = "smtp://USER:PASSWORD@HOST:PORT, or submission:// (STARTTLS) or smtps:// (TLS), percent-encoded"
no_server: dict[str, Any] = {}
mail_server = setting("EMAIL_URL", no_server, env.mail_server, server_form, secret=True)
globals().update(env.mail(mail_server))  # Django 6.1 has renamed these settings
DEFAULT_FROM_EMAIL = setting("EMAIL_FROM", "goatfish@localhost", env.email, "an email address")

# Pages

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "ops.static.StaticFilesStorage"},
}

# TLS: with HTTPS=true, plain HTTP is redirected, and cookies are sent only over TLS

HTTPS = setting("HTTPS", False, env.boolean, "true or false")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Browsers accept such a cookie only from this host, over TLS, and for all paths (RFC 6265bis, 4.1.3.2).
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS

# Logs and error reports

LOG_FORMAT = setting("LOG_FORMAT", "line", env.one_of("line", "json"), "line or json")
LOGGING = logging_as(LOG_FORMAT)
report_errors(os.environ.get("SENTRY_DSN", ""), VERSION)
