"""What ninja's documentation shows, on an API that keeps the contract. Copy from it."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from ninja import File, Form, Query, Router, Status, UploadedFile
from ninja.decorators import decorate_view
from ninja.errors import HttpError
from ninja.security import HttpBearer
from ninja.throttling import AuthRateThrottle

from accounts.auth import ApiKeyAuth
from api.bulk.exports import ExportFormat, export
from api.bulk.schemas import Bulk, Created
from api.contract import ContractAPI
from api.inputs import Id
from api.objects import delete, get_to_change
from api.paging import paginate
from api.requests import ApiRequest
from api.schemas import Page, PageQuery
from tests.example.models import Label, Place, Sample
from tests.example.schemas import (
    AliasedOut,
    EveryTypeIn,
    MaskedOut,
    PlaceIn,
    PlaceOut,
    ResolvedOut,
    SampleIn,
    SampleOut,
    SamplePatch,
    SampleSelection,
    WholeOut,
)

samples = Router(tags=["samples"])


@samples.get("", response=Page[SampleOut])
def list_samples(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
    return paginate(request, Sample.objects.for_owner(request.auth), where, page, SampleOut)


@samples.post("", response={201: SampleOut})
def create_sample(request: ApiRequest, body: SampleIn) -> Sample:
    return Sample.objects.for_owner(request.auth).create(**body.model_dump())


@samples.post("/bulk", response={201: Created})
def bulk_create_samples(request: ApiRequest, body: Bulk[SampleIn]) -> Created:
    ids = Sample.objects.for_owner(request.auth).create_many(body.items)
    return Created(created=len(ids), ids=ids)


@samples.get("/export", response=WholeOut)
def export_samples(
    request: ApiRequest, where: Query[SampleSelection], format: ExportFormat = "csv"
) -> StreamingHttpResponse:
    return export(request, Sample.objects.for_owner(request.auth), where, WholeOut, format)


@samples.get("/masked", response=Page[MaskedOut])
def list_masked_samples(request: ApiRequest, where: Query[SampleSelection], page: Query[PageQuery]) -> Any:
    return paginate(request, Sample.objects.for_owner(request.auth), where, page, MaskedOut)


@samples.get("/latest", response=SampleOut)
def latest_sample(request: ApiRequest) -> Sample:
    return Sample.objects.for_owner(request.auth).latest("created_at")


@samples.get("/plain", response=list[SampleOut])
def plain_list(request: ApiRequest) -> Any:
    return Sample.objects.for_owner(request.auth).order_by("name")


@samples.get("/{id}", response=SampleOut)
def get_sample(request: ApiRequest, id: Id) -> Sample:
    return Sample.objects.for_owner(request.auth).get(pk=id)


@samples.put("/{id}", response=SampleOut)
def replace_sample(request: ApiRequest, id: Id, body: SampleIn) -> Sample:
    sample = get_to_change(request, Sample.objects.for_owner(request.auth), id)
    return sample.change(**body.model_dump())


@samples.patch("/{id}", response=SampleOut)
def update_sample(request: ApiRequest, id: Id, body: SamplePatch) -> Sample:
    sample = get_to_change(request, Sample.objects.for_owner(request.auth), id)
    return sample.change(**body.model_dump(exclude_unset=True))


@samples.delete("/{id}", response=SampleOut)
def delete_sample(request: ApiRequest, id: Id) -> Sample:
    return delete(request, Sample.objects.for_owner(request.auth), id)


@samples.get("/{id}/masked", response=MaskedOut)
def get_masked_sample(request: ApiRequest, id: Id) -> Sample:
    return Sample.objects.for_owner(request.auth).get(pk=id)


@samples.get("/{id}/resolved", response=ResolvedOut)
def get_resolved_sample(request: ApiRequest, id: Id) -> Sample:
    return Sample.objects.for_owner(request.auth).select_related("place").get(pk=id)


@samples.get("/{id}/aliased", response=AliasedOut, by_alias=True, exclude_none=True)
def get_aliased_sample(request: ApiRequest, id: Id) -> Sample:
    return Sample.objects.for_owner(request.auth).get(pk=id)


@samples.get("/{id}/whole", response=WholeOut)
def get_whole_sample(request: ApiRequest, id: Id) -> Sample:
    return Sample.objects.for_owner(request.auth).get(pk=id)


@samples.post("/{id}/clone", response={201: SampleOut})
def clone_sample(request: ApiRequest, id: Id) -> Sample:
    sample = Sample.objects.for_owner(request.auth).get(pk=id)
    return Sample.objects.for_owner(request.auth).create(name=sample.name, number=sample.number)


@samples.post("/{id}/label/{name}", response={204: None})
def label_sample(request: ApiRequest, id: Id, name: str) -> Any:
    sample = Sample.objects.for_owner(request.auth).get(pk=id)
    sample.labels.add(Label.objects.get_or_create(name=name)[0])
    return Status(204, None)


places = Router(tags=["places"])


@places.post("", response={201: PlaceOut})
def create_place(request: ApiRequest, body: PlaceIn) -> Place:
    return Place.objects.for_owner(request.auth).create(**body.model_dump())


@places.delete("/{id}", response=PlaceOut)
def delete_place(request: ApiRequest, id: Id) -> Place:
    return delete(request, Place.objects.for_owner(request.auth), id)


class TokenAuth(HttpBearer):
    """Another way in, of ninja's documentation."""

    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        return token if token == "letmein" else None


native = Router(tags=["native"])


@native.get("/nothing", response={204: None})
def nothing(request: ApiRequest) -> Any:
    return Status(204, None)


@native.get("/undeclared")
def undeclared(request: ApiRequest) -> Any:
    return {"anything": [1, None, "x"]}


@native.post("/accepted", response={202: dict, 200: str})
def accepted(request: ApiRequest, priority: int = 0) -> Any:
    return Status(202, {"state": "queued"})


@native.get("/error/{int:status}")
def error(request: ApiRequest, status: int) -> Any:
    raise HttpError(status, "No.")


@native.get("/denied")
def denied(request: ApiRequest) -> Any:
    raise PermissionDenied


@native.get("/missing")
def missing(request: ApiRequest) -> Any:
    raise Http404


@native.get("/shortcut/{name}", response=SampleOut)
def shortcut(request: ApiRequest, name: str) -> Sample:
    found: Sample = get_object_or_404(Sample.objects.for_owner(request.auth), name=name)
    return found


@native.get("/teapot")
def teapot(request: ApiRequest) -> HttpResponse:
    return HttpResponse("<h1>short and stout</h1>", status=418)


@native.get("/own-error", response={409: dict})
def own_error(request: ApiRequest) -> Any:
    return Status(409, {"why": "declared"})


@native.get("/huge")
def huge(request: ApiRequest) -> Any:
    return {"number": 2**70, "price": Decimal("0.10")}


@native.post("/unanswerable")
def unanswerable(request: ApiRequest) -> Any:
    Sample.objects.for_owner(request.auth).create(name="never")
    return {"value": object()}


@native.post("/invalid-response", response=SampleOut)
def invalid_response(request: ApiRequest) -> Any:
    Sample.objects.for_owner(request.auth).create(name="never")
    return {"id": "x"}


@native.get("/throttled", throttle=AuthRateThrottle("1/d"))
def throttled(request: ApiRequest) -> Any:
    return "ok"


@native.post("/every-type", response=EveryTypeIn)
def every_type(request: ApiRequest, body: EveryTypeIn) -> EveryTypeIn:
    return body


@native.post("/two", response=dict)
def two_bodies(request: ApiRequest, first: PlaceIn, second: PlaceIn) -> Any:
    return {"first": first.name, "second": second.name}


@native.post("/form", response=dict)
def form(request: ApiRequest, name: Form[str], count: Form[int] = 1) -> Any:
    return {"name": name, "count": count}


@native.post("/file", response=dict)
def file(request: ApiRequest, file: File[UploadedFile], note: Form[str] = "") -> Any:
    return {"name": file.name, "size": file.size, "read": len(file.read()), "note": note}


@native.post("/file-and-body", response=dict)
def file_and_body(request: ApiRequest, body: PlaceIn, file: File[UploadedFile]) -> Any:
    return {"name": body.name, "file": file.name}


@native.get("/open", auth=None)
def open_to_all(request: ApiRequest) -> Any:
    return {"auth": hasattr(request, "auth")}


@native.get("/token", auth=TokenAuth())
def token(request: ApiRequest) -> Any:
    return {"auth": str(request.auth)}


@native.get("/stream")
def stream(request: ApiRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    return StreamingHttpResponse(parts(), content_type="text/plain")


@native.get("/headers", response=dict)
def headers(request: ApiRequest, response: HttpResponse) -> Any:
    response["X-Own"] = "yes"
    return {}


def shouted(view: Any) -> Any:
    """Stands for any decorator of Django views."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = view(request, *args, **kwargs)
        response["X-Shouted"] = "yes"
        return response

    return wrapper


@native.get("/decorated")
@decorate_view(shouted)
def decorated(request: ApiRequest) -> Any:
    return {}


@native.get("/async/get/{id}", response=SampleOut)
async def async_get(request: ApiRequest, id: Id) -> Sample:
    await asyncio.sleep(0)
    return await Sample.objects.for_owner(request.auth).aget(pk=id)


@native.post("/async/create", response={201: SampleOut})
async def async_create(request: ApiRequest, body: SampleIn) -> Sample:
    return await Sample.objects.for_owner(request.auth).acreate(**body.model_dump())


@native.post("/async/fail")
async def async_fail(request: ApiRequest) -> Any:
    await Sample.objects.for_owner(request.auth).acreate(name="never")
    raise HttpError(409, "No.")


guarded = Router(tags=["guarded"], auth=TokenAuth(), throttle=[])


@guarded.get("")
def guarded_by_its_router(request: ApiRequest) -> Any:
    return "in"


api = ContractAPI(title="Example", urls_namespace="example", auth=ApiKeyAuth())
api.add_router("/samples", samples)
api.add_router("/places", places)
api.add_router("/native", native)
api.add_router("/guarded", guarded)
