"""Undocumented names of libraries that the service uses, and why.

A new version may change any of them, so pyproject.toml caps the major versions of their libraries.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from django.conf import settings
from django.test import SimpleTestCase

from tests.test_house import LAYERS

MOST = 42  # names; fewer are better


class Private(NamedTuple):
    """Undocumented names of one class or module, the files that use them, and what would be lost without."""

    owner: str
    names: list[str]
    files: list[str]
    reason: str


CONNECTION = "django.db.backends.base.base.BaseDatabaseWrapper"
PRIVATE_APIS = [
    Private(
        "gunicorn.workers.gthread.ThreadWorker",
        ["accept", "nr_conns"],
        ["ops/server/workers.py"],
        "One worker would have most of the kept-alive connections, which halves the requests a second.",
    ),
    Private(
        "gunicorn.workers.gthread.ThreadWorker",
        ["enqueue_req"],
        ["ops/server/workers.py"],
        "Silent and stalled clients would occupy all threads, and a part of a body could be stored. The "
        "override uses the worker's keepalived_conns, on_client_socket_readable, poller and tpool.",
    ),
    Private(
        "gunicorn.util",
        ["write_error"],
        ["gunicorn.conf.py"],
        "Responses to malformed requests would be HTML instead of problem details.",
    ),
    Private(
        "prometheus_client.values",
        ["ValueClass", "MultiProcessValue"],
        ["ops/server/worker_metrics.py"],
        "Each new worker would add files, which are read at every scrape.",
    ),
    Private(
        "django.db.models.Model",
        ["_do_insert", "_do_update"],
        ["owned/models.py"],
        "An UPDATE could replace a version that its author has not seen, and each request would build the "
        "SQL of its write again.",
    ),
    Private(
        "django.db.models.QuerySet",
        ["_deferred_filter"],
        ["owned/querysets.py"],
        "Each request would build the filter by owner, which no compiled query uses. Django's related "
        "managers defer theirs in the same way.",
    ),
    Private(
        "django.db.models.sql.query.Query",
        ["get_compiler"],
        ["owned/compiled.py"],
        "Each request would build the SQL of its queries again: 30 % of getting an object.",
    ),
    Private(
        "django.db.models.sql.compiler.SQLCompiler",
        ["as_sql", "select", "get_converters", "apply_converters"],
        ["owned/compiled.py"],
        "As for get_compiler: the statement, and Python's values of what the database returns. "
        "results_iter() looks up all converters for each request, which takes a fifth of a get.",
    ),
    Private(
        "prometheus_client.multiprocess.MultiProcessCollector",
        ["merge"],
        ["ops/metrics/series.py"],
        "A worker that is killed while it creates a file would make every later scrape fail "
        "(prometheus/client_python issue 1199).",
    ),
    Private(
        CONNECTION,
        ["connection"],
        ["api/paging.py", "ops/backups.py", "owned/compiled.py", "owned/postgresql/times.py"],
        "The documented features of psycopg and sqlite3 could not be used: the online backup, unprepared "
        "statements, adapters, and whether the server has closed a connection.",
    ),
    Private(
        CONNECTION,
        ["execute_wrappers"],
        ["ops/metrics/middleware.py", "ops/wrappers.py"],
        "Metrics would miss COPY, FETCH and COMMIT: the documented execute_wrapper() is for a block of code.",
    ),
    Private(
        CONNECTION,
        ["commit"],
        ["ops/metrics/middleware.py"],
        "Metrics would miss the time in which a write waits for the disk.",
    ),
    Private(
        CONNECTION,
        ["health_check_done"],
        ["owned/compiled.py"],
        "Each write would check the connection that its authentication has just used, with one more query.",
    ),
    Private(
        CONNECTION,
        ["queries_logged"],
        ["owned/compiled.py"],
        "Each query would need a new cursor, which takes a quarter of its time, or DEBUG would miss queries.",
    ),
    Private(
        "django.db.backends.postgresql.psycopg_any.BaseTzLoader",
        ["timezone"],
        ["owned/postgresql/times.py"],
        "Django would put its own loader of times back, which takes more than half of a list of 100.",
    ),
    Private(
        "django.db.models.deletion.Collector",
        ["collect", "data", "fast_deletes"],
        ["accounts/admin.py"],
        "The page that confirms the deletion of a user would load every object of theirs.",
    ),
    Private(
        "django.dispatch.Signal",
        ["has_listeners"],
        ["owned/models.py"],
        "A DELETE would not name the owner.",
    ),
    Private(
        "django.contrib.admin.options",
        ["IncorrectLookupParameters"],
        ["owned/admin/exports.py"],
        "An export with an invalid filter would be a 500 error.",
    ),
    Private(
        "django.contrib.admin.ModelAdmin",
        ["get_changelist_instance"],
        ["owned/admin/exports.py"],
        "An export would not have the search and the filters of its list.",
    ),
    Private(
        "django.core.handlers.wsgi.WSGIRequest",
        ["_stream"],
        ["api/operations/bodies.py"],
        "Django would take chunked bodies for empty.",
    ),
    Private(
        "ninja.NinjaAPI",
        ["on_exception"],
        ["api/operations/decorators.py"],
        "An error of the commit, as of a deferred constraint, would be a 500 error.",
    ),
    Private(
        "ninja.operation.Operation",
        ["models", "response_models", "auth_callbacks", "methods"],
        [
            "api/checks.py",
            "api/contract.py",
            "api/openapi/traits.py",
            "api/operations/parsing.py",
            "api/operations/responses.py",
        ],
        "An operation would have to declare its parameters, response, authentication and methods twice.",
    ),
    Private(
        "ninja.operation.Operation",
        ["by_alias", "exclude_unset", "exclude_defaults", "exclude_none"],
        ["api/operations/responses.py"],
        "Every object would be validated again before it is sent: a third of the time of a list.",
    ),
    Private(
        "ninja.Router",
        ["path_operations"],
        ["api/contract.py"],
        "Each resource would have to declare that POST does what PATCH does.",
    ),
    Private("ninja.operation.PathView", ["operations"], ["api/contract.py"], "As for path_operations."),
    Private(
        "ninja.params.models.ParamModel",
        ["__ninja_param_source__", "__ninja_flatten_map__"],
        ["api/openapi/traits.py", "api/operations/parsing.py"],
        "Unknown query parameters would be ignored.",
    ),
    Private(
        "ninja.openapi.schema",
        ["OpenAPISchema"],
        ["api/contract.py", "api/openapi/document.py"],
        "The OpenAPI document would have no problems, headers and examples. The subclass overrides "
        "get_paths, get_components, operation_details and operation_parameters.",
    ),
]

# Documented modules of libraries that mostly have others; a name from any other needs an entry above.
DOCUMENTED = {
    "gunicorn": {"gunicorn.glogging"},
    "ninja": {
        "ninja",
        "ninja.decorators",
        "ninja.errors",
        "ninja.operation",  # its attributes are tested below
        "ninja.parser",
        "ninja.renderers",
        "ninja.responses",
        "ninja.security",
        "ninja.throttling",
    },
    "prometheus_client": {
        "prometheus_client",
        "prometheus_client.core",
        "prometheus_client.multiprocess",
        "prometheus_client.registry",
    },
    "psycopg": {"psycopg", "psycopg.adapt", "psycopg.conninfo", "psycopg.pq"},
    "redis": {"redis", "redis.exceptions"},
    "whitenoise": {"whitenoise.middleware", "whitenoise.storage"},
}
# Django's documentation describes most of its modules, but not these.
UNDOCUMENTED = re.compile(
    r"django\.(contrib\.admin\.options|core\.handlers|utils\.crypto"
    r"|db\.(backends\.(?!signals)|migrations\.|utils|models\.(deletion|options|query|sql)\b))"
)
# Documented attributes, by what stands before them in the code.
ATTRIBUTES = {
    r"(^|\.)connection$|connections\[\w+\]$": {"alias", "close", "connection", "cursor", "vendor"}
    | {"adapters", "backup", "prepare_threshold"},  # psycopg's and sqlite3's
    r"(\._meta|^meta|\.opts)$": {
        "app_label",
        "base_manager_name",
        "constraints",
        "db_table",
        "get_field",
        "get_fields",
        "label",
        "label_lower",
        "model_name",
        "verbose_name",
        "verbose_name_plural",
    },
    r"(^|\.)compiler$": {"compile"},
    r"\.query$": set(),
    r"(^|\.)operation$": {"path", "view_func"},
}
OWN = {"_meta", "_state", "_default_manager", "_base_manager", "_asdict", "_replace"}  # documented
DUNDER = {"__class__", "__doc__", "__init__", "__mro__", "__module__", "__name__", "__qualname__"} | {
    "__call__",
    "__cause__",
    "__getitem__",
    "__self__",
    "__setattr__",
    "__wrapped__",
    "__pydantic_decorators__",  # in pydantic's API documentation
    "__pydantic_init_subclass__",
}


def find(name: str) -> Any:
    """Return the object with a dotted name. Raises AttributeError if there is none."""
    parts = name.split(".")
    found: Any = import_module(parts[0])
    for place, part in enumerate(parts[1:], start=2):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = import_module(".".join(parts[:place]))
    return found


def has(owner: Any, name: str) -> bool:
    """Return whether a module or a class has a name, or the library sets it on instances of the class."""
    if hasattr(owner, name):
        return True
    library = import_module(owner.__module__.partition(".")[0])
    near = [inspect.getfile(each) for each in owner.__mro__ if each.__module__ != "builtins"]
    builders = Path(str(library.__file__)).parent.glob("signature/*.py")  # ninja makes its classes there
    texts = (Path(str(file)).read_text() for file in [*near, *builders])
    return any(re.search(rf"\bself\.{name}\b|\b{name}\b.* = |\"{name}\"", text) for text in texts)


def files() -> Iterator[Path]:
    yield settings.BASE_DIR / "gunicorn.conf.py"
    for package in LAYERS:
        paths = (settings.BASE_DIR / package).rglob("*.py")
        yield from (path for path in paths if "migrations" not in path.parts)


def listed(file: Path) -> set[str]:
    """Return the names that a file may use."""
    user = str(file.relative_to(settings.BASE_DIR))
    return {name for entry in PRIVATE_APIS if user in entry.files for name in entry.names}


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a file imports from DOCUMENTED libraries and UNDOCUMENTED modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (
            name for name in names if name.partition(".")[0] in DOCUMENTED or UNDOCUMENTED.match(name)
        )


def attributes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield what stands before a dot, and the name after it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node.value), node.attr


def defined(tree: ast.AST) -> set[str]:
    """Return the names that a file defines."""
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    targets = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    private = {name for entry in PRIVATE_APIS for name in entry.names}
    return (functions | targets) - private


class PrivateApiTests(SimpleTestCase):
    def setUp(self) -> None:
        self.trees = {file: ast.parse(file.read_text()) for file in files()}

    def test_there_are_few(self) -> None:
        self.assertLessEqual(sum(len(entry.names) for entry in PRIVATE_APIS), MOST)

    def test_each_name_exists_and_has_a_reason(self) -> None:
        for entry in PRIVATE_APIS:
            for name in entry.names:
                with self.subTest(entry.owner, name=name):
                    self.assertTrue(has(find(entry.owner), name))
            self.assertTrue(entry.reason.endswith("."))

    def test_each_name_is_used_and_each_file_uses_one(self) -> None:
        for entry in PRIVATE_APIS:
            texts = {user: (settings.BASE_DIR / user).read_text() for user in entry.files}
            for name in entry.names:
                with self.subTest(entry.owner, name=name):
                    self.assertTrue(any(re.search(rf"\b{name}\b", text) for text in texts.values()))
            for user, text in texts.items():
                with self.subTest(entry.owner, file=user):
                    self.assertRegex(text, rf"\b({'|'.join(entry.names)})\b")

    def test_other_imports_are_documented(self) -> None:
        for file, tree in self.trees.items():
            for imported in imports(tree):
                module = imported if isinstance(find(imported), ModuleType) else imported.rpartition(".")[0]
                if module not in DOCUMENTED.get(imported.partition(".")[0], ()):
                    users = [entry for entry in PRIVATE_APIS if str(file).endswith(tuple(entry.files))]
                    known = [f"{entry.owner}.{name}." for entry in users for name in entry.names]
                    self.assertTrue(any(name.startswith(f"{imported}.") for name in known), (file, imported))

    def test_other_attributes_are_documented(self) -> None:
        own = {name for tree in self.trees.values() for name in defined(tree)} | OWN | DUNDER
        for file, tree in self.trees.items():
            may = listed(file)
            for before, name in attributes(tree):
                if name.startswith("_"):
                    self.assertIn(name, own | may, file)
                for pattern, documented in ATTRIBUTES.items():
                    if re.search(pattern, before):
                        self.assertIn(name, documented | may, f"{file}: {before}")

    def test_the_major_version_of_each_library_is_capped(self) -> None:
        project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
        capped = {
            re.split(r"[\[<>=]", line)[0].replace("-", "_") for line in project["dependencies"] if "<" in line
        }
        for entry in PRIVATE_APIS:
            library = entry.owner.partition(".")[0]
            self.assertIn({"ninja": "django_ninja"}.get(library, library), capped)
