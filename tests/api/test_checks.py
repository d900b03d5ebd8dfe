"""What `manage.py check` says of the settings, and of what the contract cannot serve."""

from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any

from django.core.checks import CheckMessage, run_checks
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from django.test import SimpleTestCase, TestCase, override_settings
from django.test.utils import isolate_apps
from django.urls import path
from ninja import Query, Router
from ninja.decorators import decorate_view
from ninja.security import APIKeyCookie, django_auth

from accounts.auth import ApiKeyAuth
from api.bulk.schemas import Bulk
from api.checks import check_api, check_owned_model
from api.contract import ContractAPI
from api.inputs import Id
from api.paging import paginate
from api.requests import ApiRequest
from api.schemas import Out, Page, PageQuery
from api.selections import Filter, Selection
from config import urls
from config.environment import Rate
from owned.models import OwnedModel
from tests.base import ApiTestCase
from tests.example.models import Label, Place, Sample
from tests.example.schemas import SampleIn, SampleOut, SampleSelection


class RateLimitCheckTests(TestCase):
    def ids(self) -> set[str]:
        return {message.id or "" for message in run_checks()}

    @override_settings(REDIS_URL="", WEB_CONCURRENCY=2, RATE_LIMIT=Rate(1, 1))
    def test_check_reports_that_each_worker_counts_separately(self) -> None:
        self.assertIn("api.I001", self.ids())

    def test_check_reports_nothing_with_redis_one_worker_or_no_limits(self) -> None:
        shared = {"REDIS_URL": "redis://127.0.0.1", "WEB_CONCURRENCY": 2, "RATE_LIMIT": Rate(1, 1)}
        for changes in ({}, {"WEB_CONCURRENCY": 1}, {"RATE_LIMIT": None, "RATE_LIMIT_ANONYMOUS": None}):
            settings = {**shared, **({"REDIS_URL": ""} if changes else {}), **changes}
            with self.subTest(**settings), override_settings(**settings):
                self.assertNotIn("api.I001", self.ids())


def hide(view: Any) -> Any:
    """A decorator without functools.wraps."""

    def wrapper(request: HttpRequest, **values: Any) -> Any:
        return view(request, **values)

    return wrapper


class SessionKey(APIKeyCookie):
    def authenticate(self, request: HttpRequest, key: str | None) -> str | None:
        return key


class Callback(Out):
    """No JSON Schema describes a function."""

    call: Callable[[], None]


class CheckCase(SimpleTestCase):
    def make_api(self, declare: Callable[[Router], Any]) -> ContractAPI:
        """Return an API with the operations that a function declares under /things."""
        router = Router()
        declare(router)
        api = ContractAPI(title="Small", urls_namespace="small", auth=ApiKeyAuth())
        self.addCleanup(ContractAPI.instances.remove, api)
        api.add_router("/things", router)
        return api

    def assert_error(self, found: list[CheckMessage], id: str, *words: str) -> None:
        """Assert that there is one error, with an ID, a hint and some words."""
        self.assertEqual([error.id for error in found], [id])
        self.assertTrue(found[0].hint)
        for word in words:
            self.assertIn(word, found[0].msg)


class OperationCheckTests(CheckCase):
    def test_the_apis_of_the_service_and_of_the_examples_have_no_errors(self) -> None:
        for root in ("config.urls", "tests.example.urls"):
            with override_settings(ROOT_URLCONF=root):
                self.assertFalse([error for error in run_checks() if str(error.id).startswith("api.E")])

    def test_every_api_is_checked(self) -> None:
        def declare(router: Router) -> None:
            @router.get("/slash/")
            def slash(request: ApiRequest) -> Any: ...

        self.make_api(declare)
        self.assert_error([error for error in run_checks() if str(error.id).startswith("api.E")], "api.E007")

    def test_a_decorator_that_hides_the_operation_is_an_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("")
            @decorate_view(hide)
            def hidden(request: ApiRequest) -> Any: ...

            @router.get("/seen")
            def seen(request: ApiRequest) -> Any: ...

        self.assert_error(check_api(self.make_api(declare)), "api.E001", "hidden is hidden by a decorator")

    def test_sessions_and_cookies_are_errors(self) -> None:
        for auth in (django_auth, SessionKey(), [ApiKeyAuth(), django_auth]):

            def declare(router: Router, auth: Any = auth) -> None:
                @router.get("", auth=auth)
                def guarded(request: ApiRequest) -> Any: ...

            with self.subTest(auth):
                self.assert_error(check_api(self.make_api(declare)), "api.E002", "guarded", "cookie")

    def test_pages_for_nobody_are_an_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("", auth=None, response=Page[SampleOut])
            def listed(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
                return paginate(request, Sample.objects.for_owner(request.auth), where, page, SampleOut)

        self.assert_error(check_api(self.make_api(declare)), "api.E003", "listed", "does not authenticate")

    def test_bulk_of_anything_but_a_strict_schema_is_an_error(self) -> None:
        for item in (SampleOut, int):

            def declare(router: Router, item: Any = item) -> None:
                def create(request: ApiRequest, body: Any) -> Any: ...

                create.__annotations__["body"] = Bulk[item]
                router.post("/bulk")(create)

            with self.subTest(item):
                self.assert_error(check_api(self.make_api(declare)), "api.E004", "create", "Bulk")

    def test_a_document_that_cannot_be_made_is_an_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("", response=Callback)
            def undescribed(request: ApiRequest) -> Any: ...

        self.assert_error(check_api(self.make_api(declare)), "api.E010", "Small has no OpenAPI document")


class SelectionCheckTests(CheckCase):
    def errors_of(self, selection: type[Selection]) -> list[CheckMessage]:
        def declare(router: Router) -> None:
            def listed(request: ApiRequest, where: Any, page: Query[PageQuery]) -> Any:
                return paginate(request, Sample.objects.for_owner(request.auth), where, page, SampleOut)

            query: Any = Query
            listed.__annotations__["where"] = query[selection]
            router.get("", response=Page[SampleOut])(listed)

        return check_api(self.make_api(declare))

    def test_sort_keys_must_be_columns_that_are_never_null(self) -> None:
        for key in ("nothing", "code", "labels"):
            selection = type("Sorted", (Selection,), {"sort_keys": (key,)})
            with self.subTest(key):
                self.assert_error(self.errors_of(selection), "api.E005", "listed", key, "example.Sample")

    def test_filters_must_be_lookups(self) -> None:
        for name in ("nothing", "name__nothing", "number__year"):
            selection = type("Filtered", (Selection,), {"__annotations__": {name: str | None}, name: None})
            with self.subTest(name):
                self.assert_error(self.errors_of(selection), "api.E006", "listed", name, "example.Sample")

    def test_an_operation_that_uses_two_models_selects_from_the_one_that_fits(self) -> None:
        def declare(router: Router) -> None:
            @router.get("/{id}", response=Page[SampleOut])
            def of_place(
                request: ApiRequest, id: Id, where: Query[SampleSelection], page: Query[PageQuery]
            ) -> Any:
                place = Place.objects.for_owner(request.auth).get(pk=id)
                rows = Sample.objects.for_owner(request.auth).filter(place=place)
                return paginate(request, rows, where, page, SampleOut)

        self.assertFalse(check_api(self.make_api(declare)))

    def test_a_filter_with_a_condition_may_have_any_name(self) -> None:
        class Filtered(Selection):
            sort_keys = ("name", "number")

            q: Annotated[str | None, Filter(lambda text: Q(name=text))] = None
            number__in: list[int] | None = None
            labels__name: str | None = None
            place__name__startswith: str | None = None

        self.assertFalse(self.errors_of(Filtered))


class PathCheckTests(CheckCase):
    def test_a_slash_at_the_end_of_a_path_is_an_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("/")
            def slash(request: ApiRequest) -> Any: ...

        self.assert_error(check_api(self.make_api(declare)), "api.E007", "GET /things/ ", "slash")

    def test_two_spellings_of_one_path_are_an_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("/{id}")
            def get_thing(request: ApiRequest, id: Id) -> Any: ...

            @router.put("/{pk}")
            def replace_thing(request: ApiRequest, pk: Id) -> Any: ...

        self.assert_error(check_api(self.make_api(declare)), "api.E008", "PUT /things/{pk}", "never called")

    def test_a_path_after_one_that_matches_it_is_an_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("/{id}")
            def get_thing(request: ApiRequest, id: Id) -> Any: ...

            @router.post("/bulk")
            def create_things(request: ApiRequest, body: Bulk[SampleIn]) -> Any: ...

        self.assert_error(check_api(self.make_api(declare)), "api.E008", "POST /things/bulk")

    def test_paths_that_a_converter_tells_apart_are_no_error(self) -> None:
        def declare(router: Router) -> None:
            @router.get("/{int:number}")
            def by_number(request: ApiRequest, number: int) -> Any: ...

            @router.get("/{slug:name}")
            def by_name(request: ApiRequest, name: str) -> Any: ...

        self.assertFalse(check_api(self.make_api(declare)))

    def test_two_operations_of_one_name_are_an_error(self) -> None:
        def declare(router: Router) -> None:
            for address in ("/a", "/b"):

                @router.get(address)
                def same(request: ApiRequest) -> Any: ...

        self.assert_error(check_api(self.make_api(declare)), "api.E009", "GET /things/b", "'same'")


@isolate_apps("tests.example")
class OwnedModelCheckTests(SimpleTestCase):
    def ids(self, model: Any) -> list[str | None]:
        return [error.id for error in check_owned_model(model)]

    def test_the_id_the_manager_and_the_label_are_checked(self) -> None:
        class Numbered(OwnedModel):
            id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]

            class Meta:
                app_label = "example"

        class Managed(OwnedModel):
            objects = models.Manager()  # type: ignore[assignment]

            class Meta:
                app_label = "example"

        class Labelled(OwnedModel):
            label = "title"

            class Meta:
                app_label = "example"

        self.assertEqual(self.ids(Numbered), ["api.E011"])
        self.assertEqual(self.ids(Managed), ["api.E012"])
        self.assertEqual(self.ids(Labelled), ["api.E013"])
        self.assertEqual(self.ids(Sample), [])

    @isolate_apps("tests.example")
    def test_keys_that_change_rows_without_versions_are_errors(self) -> None:
        class Plain(models.Model):
            class Meta:
                app_label = "example"

        class Kept(OwnedModel):
            plain = models.ForeignKey(Plain, models.PROTECT)
            whole = models.ForeignKey("self", models.CASCADE)
            other = models.ForeignKey("self", models.SET_NULL, null=True)

            class Meta:
                app_label = "example"

        class Lost(OwnedModel):
            one = models.ForeignKey(Plain, models.CASCADE)
            two = models.ForeignKey(Plain, models.SET_NULL, null=True)
            three = models.ForeignKey(Kept, models.SET_DEFAULT, null=True, default=None)

            class Meta:
                app_label = "example"

        class Special(Kept):
            class Meta:
                app_label = "example"

        def found(model: type[OwnedModel]) -> list[str]:
            return [error.msg.rpartition(": ")[2] for error in check_owned_model(model)]

        self.assertEqual(found(Kept), [])
        self.assertEqual(found(Lost), ["'one'.", "'two'.", "'three'."])
        self.assertEqual(found(Special), ["'kept_ptr'."])


class HiddenOperationTests(CheckCase, ApiTestCase):
    def test_a_hidden_operation_is_a_500_problem_and_the_others_are_served(self) -> None:
        def declare(router: Router) -> None:
            @router.get("")
            @decorate_view(hide)
            def hidden(request: ApiRequest) -> Any: ...

            @router.get("/seen")
            def seen(request: ApiRequest) -> Any:
                return Label.objects.count()

        root: Any = ModuleType("root")
        vars(root).update({name: value for name, value in vars(urls).items() if name.startswith("handler")})
        root.urlpatterns = [path("api/", self.make_api(declare).urls)]
        self.client.raise_request_exception = False
        with override_settings(ROOT_URLCONF=root):
            self.assertEqual(self.call("GET", "/api/things/seen").json(), 0)
            with self.assertLogs("django.request", "ERROR"):
                self.assertProblem(self.call("GET", "/api/things"), 500, "internal-error")
