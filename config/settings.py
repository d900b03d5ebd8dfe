"""Every setting of the service. The environment is read here and nowhere else (README.md has the table)."""

import sys
import tomllib
from contextlib import suppress
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from os import cpu_count
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv
from environs import Env, validate

from config.databases import Limits, database, sqlite
from config.environment import (
    Rate,
    bearer_token,
    cache,
    kept_secret,
    mail,
    read_host,
    read_names,
    read_networks,
    read_rate,
    read_seconds,
    redis_url,
    setting,
)
from ops.error_reports import report_errors
from ops.logs import logging_as

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
STATIC_ROOT = VAR_DIR / "static"
with suppress(OSError):  # a read-only file system has them already, or does without
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# Into the process's own environment, whose values stand. Env.read_env would hide it from `setting`.
try:
    load_dotenv(BASE_DIR / ".env")
except UnicodeError:
    raise ImproperlyConfigured(f"{BASE_DIR / '.env'} cannot be read; it takes text in UTF-8.") from None
env = Env()

# The process

DEBUG = setting(env.bool, "DEBUG", False, "true or false")
ALLOWED_HOSTS = setting(
    read_names,
    "ALLOWED_HOSTS",
    ["localhost", "127.0.0.1", "[::1]"],
    "names of hosts without scheme or port, separated by commas",
)
HOST = setting(read_host, "HOST", "127.0.0.1", "an address of this machine to listen on")
PORT = setting(partial(env.int, validate=validate.Range(1, 65535)), "PORT", 8000, "a port, 1 to 65535")
WEB_CONCURRENCY = setting(
    partial(env.int, validate=validate.Range(1, 1024)),
    "WEB_CONCURRENCY",
    cpu_count() or 1,
    "a number of worker processes, 1 to 1024",
)
TRUSTED_PROXIES = setting(
    read_networks,
    "TRUSTED_PROXIES",
    [ip_network("127.0.0.1"), ip_network("::1")],
    "addresses and networks, as 10.0.0.0/8, separated by commas, or none",
)

METRICS_TOKEN = bearer_token(env.str("METRICS_TOKEN", ""))

# Data

CONNECT_SECONDS = partial(env.int, validate=validate.Range(2, 60))  # libpq takes no less than two
CONNECT_TIMEOUT = setting(CONNECT_SECONDS, "CONNECT_TIMEOUT", 5, "seconds, 2 to 60")
STATEMENT_TIMEOUT = setting(read_seconds, "STATEMENT_TIMEOUT", 30, "seconds, 1 to 86400, or off")
# The service's; a migration or a backup takes as long as it takes.
LIMITS = Limits(CONNECT_TIMEOUT, None if Path(sys.argv[0]).name == "manage.py" else STATEMENT_TIMEOUT)
PGBOUNCER = setting(env.bool, "PGBOUNCER", False, "true or false")
DATABASE_URL = env.str("DATABASE_URL", "")
DATABASES = {
    "default": database(DATABASE_URL, LIMITS, pooled=PGBOUNCER)
    if DATABASE_URL
    else sqlite(VAR_DIR / "goatfish.sqlite3")
}
ON_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")

SECRET_KEY = env.str("SECRET_KEY", "")
if not SECRET_KEY and ON_SQLITE:
    SECRET_KEY = kept_secret(VAR_DIR / "secret_key")
if not SECRET_KEY.strip() or not SECRET_KEY.isprintable():
    raise ImproperlyConfigured(
        "SECRET_KEY is not set; with PostgreSQL it takes 50 random characters, the same on each machine."
    )

REDIS_URL = redis_url(env.str("REDIS_URL", ""))
CACHES = {"default": cache(REDIS_URL)}

REPLICA_URL = env.str("REPLICA_URL", "")
if REPLICA_URL:
    if ON_SQLITE or not REDIS_URL or REPLICA_URL.startswith("sqlite"):
        raise ImproperlyConfigured(
            "REPLICA_URL takes a standby's URL, and DATABASE_URL and REDIS_URL beside it."
        )
    DATABASES["replica"] = database(REPLICA_URL, LIMITS, pooled=PGBOUNCER, name="REPLICA_URL")

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
    "ninja",  # serves Swagger UI from this process; without it the page loads from a CDN
    "ops",
    "owned",
    "api",
    "accounts",
    "simulations",
]
MIDDLEWARE = [
    "ops.proxies.ClientAddressMiddleware",
    "ops.request_ids.RequestIDMiddleware",
    "ops.health.HealthMiddleware",
    *(["ops.metrics.middleware.MetricsMiddleware"] if METRICS_TOKEN else []),
    "django.middleware.security.SecurityMiddleware",
    "api.middleware.ApiMiddleware",
    # Only pages need these: Django's own and that of libraries, skipped under /api.
    "ops.page_middleware.ContentSecurityPolicyMiddleware",
    "ops.page_middleware.WhiteNoiseMiddleware",
    "ops.page_middleware.SessionMiddleware",
    "ops.page_middleware.CommonMiddleware",
    "ops.page_middleware.CsrfViewMiddleware",
    "ops.page_middleware.AuthenticationMiddleware",
    "ops.page_middleware.MessageMiddleware",
    "ops.page_middleware.XFrameOptionsMiddleware",
    "ops.page_middleware.AxesMiddleware",
]
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

DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20  # bytes of a body; most operations take less
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_HANDLERS = ["api.bulk.uploads.CappedUploadHandler"]
TAKES_RATE = "a number and /second, /minute, /hour or /day, as 1200/minute, or off"
RATE_LIMIT = setting(read_rate, "RATE_LIMIT", Rate(1200, 60), TAKES_RATE)
RATE_LIMIT_ANONYMOUS = setting(read_rate, "RATE_LIMIT_ANONYMOUS", Rate(60, 60), TAKES_RATE)
REQUIRE_IF_MATCH = setting(env.bool, "REQUIRE_IF_MATCH", False, "true or false")

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
SESSION_COOKIE_AGE = 12 * 3600  # seconds after signing in, whatever is done meanwhile
OPEN_OR_CLOSED = validate.OneOf(["open", "closed"])
SIGNUP = setting(partial(env.str, validate=OPEN_OR_CLOSED), "SIGNUP", "closed", "open or closed")

# Five failures to sign in lock a name, for the address they came from alone: nobody can lock others out.
# What is tried meanwhile is not counted, and whoever signs in or out, or fails to, deletes what is older.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT, AXES_COOLOFF_TIME = 5, timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = AXES_DISABLE_ACCESS_LOG = True

globals().update(mail(env.str("EMAIL_URL", "")))  # by names that Django 6.1 has changed
SENDER = partial(env.str, validate=validate.Email())
DEFAULT_FROM_EMAIL = setting(SENDER, "EMAIL_FROM", "goatfish@localhost", "an e-mail address")

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

# TLS: with HTTPS=true, plain requests are redirected and cookies never leave over a plain connection

HTTPS = setting(env.bool, "HTTPS", False, "true or false")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# A cookie of this name is taken from this host alone, over TLS, for all of its paths (RFC 6265bis, 4.1.3.2).
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS

# Logs, and reports of errors

LINE_OR_JSON = validate.OneOf(["line", "json"])
LOG_FORMAT = setting(partial(env.str, validate=LINE_OR_JSON), "LOG_FORMAT", "line", "line or json")
LOGGING = logging_as(LOG_FORMAT)
report_errors(env.str("SENTRY_DSN", ""), VERSION)
