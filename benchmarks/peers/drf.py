"""Django REST Framework: a view set, a serializer, filters and its own cursor pagination, under gunicorn."""

import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.django_settings")
os.environ.setdefault("ROOT_URLCONF", __name__)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.db.models import QuerySet
from django.urls import include, path
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework import mixins, serializers, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from peers.django_tables.models import ApiKey, Simulation, User


class KeyAuthentication(BaseAuthentication):
    """Requires a valid key in `X-API-Key`."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey]:
        """Return the user and the key, found in one query."""
        api_key = ApiKey.objects.valid(request.headers.get("X-API-Key", ""))
        if api_key is None:
            raise AuthenticationFailed("X-API-Key header invalid.")
        return api_key.user, api_key

    def authenticate_header(self, request: Request) -> str:
        """Return the `WWW-Authenticate` header of a 401."""
        return "ApiKey"


class MayWrite(BasePermission):
    """Rejects writes with a read-only key."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Return whether the key permits the request."""
        return request.method in SAFE_METHODS or not request.auth.read_only


class SimulationListSerializer(serializers.ListSerializer):
    """Many simulations, written at once."""

    def create(self, validated_data: list[dict[str, Any]]) -> list[Simulation]:
        """Create all of them."""
        return Simulation.objects.bulk_create(Simulation(**values) for values in validated_data)


class SimulationSerializer(serializers.ModelSerializer):
    """A simulation."""

    class Meta:
        model = Simulation
        fields = ["id", "name", "start_date", "end_date", "created_at", "updated_at"]
        read_only_fields = ["id", "created_at", "updated_at"]
        list_serializer_class = SimulationListSerializer

    def to_internal_value(self, data: Any) -> Any:
        """Reject unknown fields, which would otherwise be ignored."""
        if isinstance(data, dict) and (unknown := data.keys() - {"name", "start_date", "end_date"}):
            raise serializers.ValidationError(dict.fromkeys(unknown, "is not a field that can be set"))
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Reject a period that ends before it starts."""
        if attrs["end_date"] < attrs["start_date"]:
            raise serializers.ValidationError({"end_date": "must not be before start_date"})
        return attrs

    def update(self, instance: Simulation, validated_data: dict[str, Any]) -> Simulation:
        """Set fields of one simulation."""
        instance.change(**validated_data)
        return instance


class SimulationPages(CursorPagination):
    """Cursor pages with the same fields as those of the other contenders."""

    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1000
    ordering = ("-created_at", "-id")

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page, with the cursor taken from the link to the next page."""
        link = self.get_next_link()
        cursor = parse_qs(urlsplit(link).query)[self.cursor_query_param][0] if link else None
        return Response({"items": data, "next_cursor": cursor})


class SimulationFilter(FilterSet):
    """The filters of the list."""

    class Meta:
        model = Simulation
        fields = {"name": ["exact", "icontains"], "start_date": ["gte", "lte"], "end_date": ["gte", "lte"]}


class SortFilter(OrderingFilter):
    """The sort order. Ties are broken by id in the same direction."""

    ordering_param = "sort"

    def get_ordering(self, request: Request, queryset: QuerySet[Simulation], view: Any) -> Any:
        """Return the sort key, and the id after it."""
        key = (super().get_ordering(request, queryset, view) or ["-created_at"])[0]
        return [key, "-id" if key.startswith("-") else "id"]


class SimulationViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet[Simulation],
):
    """The caller's simulations."""

    serializer_class = SimulationSerializer
    authentication_classes = [KeyAuthentication]
    permission_classes = [MayWrite]
    pagination_class = SimulationPages
    filter_backends = [DjangoFilterBackend, SortFilter]
    filterset_class = SimulationFilter
    ordering_fields = ["created_at", "updated_at", "name", "start_date", "end_date"]
    http_method_names = ["get", "post", "put", "head", "options"]

    def get_queryset(self) -> QuerySet[Simulation]:
        """Return the caller's simulations, locked if the request changes one."""
        rows = Simulation.objects.filter(owner=self.request.user)
        return rows.select_for_update() if self.request.method == "PUT" else rows

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """Write for the caller."""
        serializer.save(owner=self.request.user)

    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Set all fields of one simulation."""
        return super().update(request, *args, **kwargs)

    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Create many simulations, all or none."""
        serializer = self.get_serializer(data=request.data.get("items"), many=True, allow_empty=False)
        serializer.is_valid(raise_exception=True)
        self.perform_create(serializer)
        ids = [simulation.id for simulation in serializer.instance]
        return Response({"created": len(ids), "ids": ids}, status=201)


router = SimpleRouter(trailing_slash=False)
router.register("simulations", SimulationViewSet, basename="simulation")
urlpatterns = [path("api/", include(router.urls))]

application = get_wsgi_application()
