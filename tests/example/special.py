"""An API whose schemas, headers and routers are less usual; the tests name its operations."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path
from django.views.decorators.gzip import gzip_page
from ninja import Query, Router, Status
from ninja.decorators import decorate_view
from ninja.errors import HttpError
from ninja.security import APIKeyQuery
from pydantic import Field

from accounts.auth import ApiKeyAuth
from api.bulk.exports import ExportFormat, export
from api.contract import ContractAPI
from api.inputs import Id
from api.objects import get_to_change
from api.paging import paginate
from api.requests import ApiRequest
from api.schemas import OwnedOut, Page, PageQuery
from owned.querysets import OwnedQuerySet
from tests.example import urls as example
from tests.example.models import Place, Sample
from tests.example.schemas import (
    AliasedOut,
    MaskedOut,
    PlaceOut,
    ResolvedOut,
    SampleOut,
    SamplePatch,
    SampleSelection,
)


class RawOut(OwnedOut):
    secret: str


class LeavesOut(OwnedOut):
    """Leaves a field out of some responses."""

    secret: str = Field("", exclude_if=lambda value: value == "secret")


class ChangedOut(OwnedOut):
    """Changes itself after its validation."""

    secret: str

    def model_post_init(self, context: Any) -> None:
        self.secret = "*"


class CodeOut(OwnedOut):
    code: str | None


SCHEMAS = {"masked": MaskedOut, "aliased": AliasedOut, "resolved": ResolvedOut}


def mine(request: ApiRequest) -> OwnedQuerySet[Sample]:
    return Sample.objects.for_owner(request.auth)


samples = Router()


@samples.get("/export/{kind}")
def export_as(
    request: ApiRequest, kind: str, where: Query[SampleSelection], format: ExportFormat = "csv"
) -> StreamingHttpResponse:
    return export(request, mine(request).select_related("place"), where, SCHEMAS[kind], format)  # type: ignore[arg-type]


@samples.get("/leaves-out", response=Page[LeavesOut])
def list_leaves_out(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
    return paginate(request, mine(request), where, page, LeavesOut)


@samples.get("/changed", response=Page[ChangedOut])
def list_changed(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
    return paginate(request, mine(request), where, page, ChangedOut)


@samples.get("/codes", response=Page[CodeOut], exclude_none=True)
def list_codes(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
    return paginate(request, mine(request), where, page, CodeOut)


@samples.get("/other", response=Page[MaskedOut])
def list_as_other(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
    return paginate(request, mine(request), where, page, RawOut)


@samples.get("/{id}", response=SampleOut)
def get_with_headers(request: ApiRequest, id: Id, response: HttpResponse) -> Sample:
    response["X-Own"] = "yes"
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Accept"
    response.set_cookie("own", "yes")
    return mine(request).get(pk=id)


@samples.get("/{id}/resolved", response=ResolvedOut)
def get_resolved(request: ApiRequest, id: Id) -> Sample:
    return mine(request).select_related("place").get(pk=id)


@samples.post("", response={201: SampleOut})
def create_with_headers(request: ApiRequest, response: HttpResponse) -> Sample:
    response["X-Own"] = "yes"
    return mine(request).create(name="new")


@samples.post("/{id}/place", response={201: PlaceOut})
def create_place_of(request: ApiRequest, id: Id) -> Place:
    return Place.objects.for_owner(request.auth).create(name="new")


others = Router()


@others.post("/redirect")
def redirect(request: ApiRequest) -> HttpResponse:
    mine(request).create(name="new")
    return HttpResponseRedirect("/elsewhere")


@others.post("/stream")
def stream(request: ApiRequest) -> StreamingHttpResponse:
    mine(request).create(name="new")
    return StreamingHttpResponse([b"a"])


@others.get("/raised")
def raise_405(request: ApiRequest) -> Any:
    raise HttpError(405, "Not today.")


@others.get("/declared", response={200: dict, 405: dict})
def declare_405(request: ApiRequest) -> Any:
    return Status(405, {"why": "declared"})


@others.get("/page")
def page_405(request: ApiRequest) -> HttpResponse:
    return HttpResponse("<h1>no</h1>", status=405)


@others.get("/compressed")
@decorate_view(gzip_page)
def compressed(request: ApiRequest) -> HttpResponse:
    return HttpResponse("<h1>no</h1>" * 100, status=418)


class QueryKey(APIKeyQuery):
    param_name = "key"

    def authenticate(self, request: HttpRequest, key: str | None) -> bool | None:
        return key == "letmein" or None


@others.get("/query-key", auth=QueryKey())
def with_query_key(request: ApiRequest) -> Any:
    return "in"


child = Router()


@child.patch("/{id}", response=SampleOut)
def update_in_child(request: ApiRequest, id: Id, body: SamplePatch) -> Sample:
    return get_to_change(request, mine(request), id).change(**body.model_dump(exclude_unset=True))


parent = Router()
parent.add_router("/child", child)

api = ContractAPI(title="Special", urls_namespace="special", auth=ApiKeyAuth())
api.add_router("/samples", samples)
api.add_router("/others", others)
api.add_router("/parent", parent)


@api.patch("/direct/{id}", response=SampleOut)
def update_directly(request: ApiRequest, id: Id, body: SamplePatch) -> Sample:
    return get_to_change(request, mine(request), id).change(**body.model_dump(exclude_unset=True))


handler400, handler403 = example.handler400, example.handler403
handler404, handler500 = example.handler404, example.handler500
urlpatterns = [path("api/", api.urls), *example.urlpatterns[1:]]
