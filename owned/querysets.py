"""STUB until the data layer lands."""

from datetime import timedelta
from typing import Any, TypeVar
from django.db import models, router
from django.utils import timezone
from owned.compiled import Compiled, Parameter
from owned.ids import ID_PATTERN, random_id
from owned.replicas import alias_for, note_write
from functools import cache

ModelT = TypeVar("ModelT", bound=models.Model)


class OwnedQuerySet(models.QuerySet):
    owner_id: Any = None
    is_compilable = False

    def for_owner(self, owner):
        rows = self.filter(owner_id=getattr(owner, "owner_id", owner))
        rows.owner_id = getattr(owner, "owner_id", owner)
        rows.is_compilable = True
        return rows

    def get(self, *args, **kwargs):
        if self.is_compilable and not args and list(kwargs) in (["pk"], ["id"]):
            id = next(iter(kwargs.values()))
            if not ID_PATTERN.fullmatch(id):
                raise self.model.DoesNotExist
            found = select_one(self.model).rows(self.db, owner=self.owner_id, id=id)
            if not found:
                raise self.model.DoesNotExist
            return self.model.from_db(
                self.db, [f.attname for f in self.model._meta.concrete_fields], found[0]
            )
        return super().get(*args, **kwargs)

    def get_for_update(self, id):
        if not ID_PATTERN.fullmatch(id):
            raise self.model.DoesNotExist
        return self.using(router.db_for_write(self.model)).select_for_update().get(pk=id)

    def create(self, **values):
        if self.owner_id is not None:
            values = {"owner_id": self.owner_id, **values}
        return super().create(**values)

    def create_many(self, items):
        now = timezone.now()
        rows = [
            self.model(
                owner_id=self.owner_id,
                created_at=now - timedelta(microseconds=n),
                updated_at=now - timedelta(microseconds=n),
                **item.model_dump(),
            )
            for n, item in enumerate(items)
        ]
        self.model._base_manager.bulk_create(rows)
        return [r.pk for r in rows]

    def from_replica(self):
        if self.owner_id is None:
            return self
        rows = self.using(alias_for(self.model, self.owner_id))
        rows.owner_id, rows.is_compilable = self.owner_id, self.is_compilable
        return rows


@cache
def select_one(model):
    attributes = [f.attname for f in model._meta.concrete_fields]

    def build():
        return (
            model.objects.for_owner(Parameter("owner", model._meta.get_field("owner")))
            .filter(pk=Parameter("id", model._meta.pk))
            .values_list(*attributes)
        )

    return Compiled(build)


OwnedManager = models.Manager.from_queryset(OwnedQuerySet)
Owned = OwnedQuerySet
