"""Problem details on every path under `/api`, and the pages that explain them."""

import json
import logging
from io import StringIO
from unittest import mock

from django.contrib.staticfiles import finders
from django.db import InternalError, OperationalError, connection
from django.http import Http404
from django.test import RequestFactory, override_settings
from psycopg.errors import IdleInTransactionSessionTimeout, InFailedSqlTransaction, ReadOnlySqlTransaction

from api.problems.types import PROBLEM_TYPES
from api.problems.views import not_found, server_error
from tests.base import ApiTestCase


class PathTests(ApiTestCase):
    def test_an_unknown_path_is_404_with_or_without_a_key(self) -> None:
        paths = (
            "/api",
            "/api/",
            "/api/nope",
            "/api/simulations/",
            "/api/me/",
            "/api/docs/",
            "/api//me",
            "/api/%00",
        )
        for path in paths:
            for key in ("", None):
                with self.subTest(path, key=key):
                    self.assertProblem(self.call("GET", path, key=key), 404, "not-found")

    @override_settings(DEBUG=True)
    def test_the_error_pages_need_no_middleware(self) -> None:
        request = RequestFactory().get("/missing")
        for response, status in ((not_found(request, Http404()), 404), (server_error(request), 500)):
            self.assertEqual(response.status_code, status)

    def test_an_unknown_path_is_a_problem_in_debug_mode(self) -> None:
        self.assertProblem(self.call("GET", "/api/nope"), 404, "not-found")

    def test_an_unsupported_method_is_405_with_allow(self) -> None:
        allowed = {
            "/api/simulations": "GET, HEAD, OPTIONS, POST",
            f"/api/simulations/{'2' * 20}": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
            "/api/me": "GET, HEAD, OPTIONS",
            "/api/openapi.json": "GET, HEAD, OPTIONS",
            "/api/docs": "GET, HEAD, OPTIONS",
            "/api/simulations/bulk": "OPTIONS, POST",
            "/api/simulations/export": "GET, HEAD, OPTIONS",
        }
        for path, methods in allowed.items():
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "BREW"} - set(methods.split(", ")):
                with self.subTest(path, method=method):
                    response = self.call(method, path)
                    self.assertProblem(response, 405, "method-not-allowed")
                    self.assertEqual(response["Allow"], methods)

    def test_options_returns_204_with_allow_and_needs_no_key(self) -> None:
        for path in ("/api/simulations", "/api/me", "/api/docs", "/api/openapi.json"):
            response = self.call("OPTIONS", path, key=None)
            self.assertEqual((response.status_code, response.content), (204, b""))
            self.assertIn("OPTIONS", response["Allow"].split(", "))
        self.assertProblem(self.call("OPTIONS", "/api/nope", key=None), 404, "not-found")

    def test_head_returns_the_headers_of_get_without_a_body(self) -> None:
        one = f"/api/simulations/{self.simulation().pk}"
        for path in (one, "/api/simulations", "/api/me", "/api/docs", "/api/openapi.json"):
            get, head = self.call("GET", path), self.call("HEAD", path)
            self.assertEqual((head.status_code, head.content), (200, b""))
            varying = {"X-Request-ID", "RateLimit"}
            expected = {k: v for k, v in get.headers.items() if k not in varying}
            self.assertEqual({k: v for k, v in head.headers.items() if k not in varying}, expected)
        self.assertEqual(self.call("HEAD", "/api/me", key=None).status_code, 401)

    def test_the_api_accepts_no_session_cookie(self) -> None:
        self.client.force_login(self.alice)
        response = self.call("GET", "/api/me", key=None)
        self.assertProblem(response, 401, "invalid-key")
        self.assertNotIn("Cookie", response.get("Vary", ""))

    def test_a_disallowed_host_is_400(self) -> None:
        problem = self.assertProblem(
            self.call("GET", "/api/me", headers={"Host": "evil.example"}), 400, "malformed-request"
        )
        self.assertEqual(problem["errors"][0]["header"], "Host")

    def test_a_crash_is_a_problem_without_details(self) -> None:
        self.client.raise_request_exception = False
        for debug in (False, True):
            with (
                self.subTest(debug=debug),
                override_settings(DEBUG=debug),
                mock.patch("accounts.api.MeOut", side_effect=RuntimeError("SELECT secret")),
                self.assertLogs("django.request", "ERROR") as logs,
            ):
                response = self.call("GET", "/api/me")
            self.assertProblem(response, 500, "internal-error")
            self.assertNotIn(b"secret", response.content)
            self.assertIn("SELECT secret", logs.output[0])

    def test_problems_contain_no_key_or_database_message(self) -> None:
        def fail(*args: object) -> None:
            raise OperationalError("SELECT secret")

        wrong = self.key[:-1] + ("0" if self.key[-1] != "0" else "1")
        for key, path, body in (
            (self.key, "/api/nope", b""),
            (self.key, "/api/me?x=1", b""),
            (self.key, "/api/simulations", b"{"),
            (wrong, "/api/me", b""),
            ("gf_short", "/api/me", b""),
        ):
            response = self.call("POST" if body else "GET", path, body, key=key)
            self.assertGreaterEqual(response.status_code, 400)
            self.assertNotIn(key.encode(), response.content)
        with connection.execute_wrapper(fail), self.assertLogs("api.problems.handlers", "ERROR"):
            response = self.call("GET", "/api/me")
        self.assertProblem(response, 503, "unavailable")
        self.assertNotIn(b"secret", response.content)

    def test_a_read_only_database_is_503_and_a_failed_transaction_is_500(self) -> None:
        self.client.raise_request_exception = False
        for state, status in {
            ReadOnlySqlTransaction: 503,
            IdleInTransactionSessionTimeout: 503,
            InFailedSqlTransaction: 500,
        }.items():

            def fail(*args: object, state: type[Exception] = state) -> None:
                raise InternalError from state()

            with (
                self.subTest(state.__name__),
                connection.execute_wrapper(fail),
                self.assertLogs(level="ERROR") as logs,
            ):
                self.assertEqual(self.call("GET", "/api/me").status_code, status)
            self.assertEqual(len(logs.records), 1, logs.output)


class RequestIDTests(ApiTestCase):
    def test_a_valid_request_id_is_kept(self) -> None:
        for given in ("a", "A.b_c-9", "x" * 128):
            response = self.call("GET", "/api/me", headers={"X-Request-ID": given})
            self.assertEqual(response["X-Request-ID"], given)

    def test_an_invalid_request_id_is_replaced(self) -> None:
        for given in ("", "x" * 129, "a b", "a/b", "é", "a\n"):
            response = self.call("GET", "/api/me", headers={"X-Request-ID": given})
            self.assertRegex(response["X-Request-ID"], r"\A[0-9a-f]{32}\Z")

    def test_each_generated_request_id_is_different(self) -> None:
        ids = {self.call("GET", "/api/me")["X-Request-ID"] for _ in range(3)}
        self.assertEqual(len(ids), 3)

    def test_the_log_record_has_the_request_id(self) -> None:
        self.client.raise_request_exception = False
        with (
            mock.patch("accounts.api.MeOut", side_effect=RuntimeError),
            self.assertLogs("django.request", "ERROR") as logs,
        ):
            self.call("GET", "/api/me", headers={"X-Request-ID": "find-me"})
        self.assertEqual(logs.records[0].request.request_id, "find-me")  # type: ignore[attr-defined]

    def test_the_log_line_has_the_request_id(self) -> None:
        self.client.raise_request_exception = False
        console = next(h for h in logging.getLogger().handlers if type(h) is logging.StreamHandler)
        with (
            mock.patch("accounts.api.MeOut", side_effect=RuntimeError),
            mock.patch.object(console, "stream", StringIO()) as shown,
        ):
            self.call("GET", "/api/me", headers={"X-Request-ID": "find-me"})
        self.assertIn(" ERROR django.request [find-me] ", shown.getvalue())


class PageTests(ApiTestCase):
    def test_every_problem_type_has_a_page(self) -> None:
        index = self.client.get("/problems")
        for problem in PROBLEM_TYPES.values():
            page = self.client.get(problem.uri)
            self.assertContains(page, f"{problem.status} {problem.title}")
            self.assertContains(page, "http://testserver/")
            self.assertContains(page, "curl ")
            self.assertContains(index, f'href="{problem.uri}"')

    def test_an_unknown_problem_type_is_404(self) -> None:
        self.assertEqual(self.client.get("/problems/nope").status_code, 404)


class DocumentTests(ApiTestCase):
    def test_the_document_in_the_repository_is_the_one_that_is_served(self) -> None:
        served = self.client.get("/api/openapi.json")
        with open("docs/openapi.json") as stored:
            self.assertEqual(json.load(stored), served.json(), "run `make docs`")

    def test_the_docs_page_loads_nothing_from_other_hosts(self) -> None:
        page = self.client.get("/api/docs").content.decode()
        self.assertNotRegex(page, r"(src|href)=\"(https?:)?//")
        self.assertIn('"persistAuthorization": true', page)
        self.assertIn('"validatorUrl": null', page)
        self.assertIsNotNone(finders.find("ninja/swagger-ui-bundle.js"))

    def test_the_document_is_openapi_3_1_and_names_the_operations(self) -> None:
        document = self.client.get("/api/openapi.json").json()
        self.assertRegex(document["openapi"], r"\A3\.1\.")
        paths = document["paths"].items()
        names = {
            f"{method} {path}": operation["operationId"]
            for path, methods in paths
            for method, operation in methods.items()
        }
        self.assertEqual(
            names,
            {
                "get /api/simulations": "list_simulations",
                "post /api/simulations": "create_simulation",
                "post /api/simulations/bulk": "create_simulations",
                "get /api/simulations/export": "export_simulations",
                "get /api/simulations/{id}": "get_simulation",
                "put /api/simulations/{id}": "replace_simulation",
                "patch /api/simulations/{id}": "update_simulation",
                "delete /api/simulations/{id}": "delete_simulation",
                "get /api/me": "get_me",
            },
        )
