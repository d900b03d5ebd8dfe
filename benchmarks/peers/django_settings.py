"""The settings of the Django peers: Goatfish's database settings, without apps or middleware for pages."""

import os

from psycopg.conninfo import conninfo_to_dict

options = conninfo_to_dict(os.environ["DATABASE_URL"])

SECRET_KEY = "of the benchmark alone"
ROOT_URLCONF = os.environ.get("ROOT_URLCONF", "")  # the peer itself
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": options.pop("dbname"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 2, **options},
    }
}
INSTALLED_APPS = ["peers.django_tables"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
