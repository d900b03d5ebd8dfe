"""What one user owns of a model: all that the API can see or change of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.db import models, router, transaction
from django.db.models import F
from django.utils import timezone
from pydantic import BaseModel

from api.preconditions import IfMatch
from api.requests import Caller
from owned.compiled import Compiled, CompiledInsert, CompiledUpdate, Parameter
from owned.history import Recorded, entry, record, record_many, sentence
from owned.ids import ID_PATTERN, random_id
from owned.replicas import alias_for, note_write

if TYPE_CHECKING:
    from owned.models import OwnedModel

ModelT = TypeVar("ModelT", bound="OwnedModel")


def owned(model: type[ModelT], owner: Any) -> models.QuerySet[ModelT]:
    """Keep what the owner has; the rest does not exist for them. Ownership is decided here, and only here."""
    rows: models.QuerySet[Any] = model._default_manager.filter(owner_id=owner)
    return rows


class Owned(Generic[ModelT]):
    """The rows of a model that one user owns; each write is noted in the admin's log, with the key."""

    def __init__(self, model: type[ModelT], owner: int, key: str = "") -> None:
        self.model = model
        self.owner = owner
        self.key = key

    @cached_property
    def reads_from(self) -> str:
        """The database that lists, exports and pages read: a standby where one is up to date."""
        return alias_for(self.model, self.owner)

    @property
    def rows(self) -> models.QuerySet[ModelT]:
        """All of them, to be filtered further and read."""
        return owned(self.model, self.owner).using(self.reads_from)

    def find(self, id: str) -> ModelT:
        """Return one row. Raises DoesNotExist, without a query for what cannot be an id."""
        using = router.db_for_read(self.model)
        found = select_one(self.model).rows(using, owner=self.owner, id=self.shaped(id))
        if not found:
            raise self.model.DoesNotExist
        return instance(self.model, using, found[0])

    def add(self, values: Mapping[str, Any]) -> ModelT:
        """Make a row and return it. Raises IntegrityError where it would break a constraint."""
        using = router.db_for_write(self.model)
        row = self.model(owner_id=self.owner, **values)
        row.updated_at = row.created_at
        columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
        recorded_insert(self.model).run(using, self.entry(using, row.pk, ADDITION), columns)
        note_write(using, self.owner)
        row._state.adding, row._state.db = False, using
        return row

    def add_all(self, items: Sequence[BaseModel]) -> list[str]:
        """Make a row of each item, all or none, and return their ids in order. Raises IntegrityError.

        Each is a microsecond older than the one before, so that what shows the newest first, as lists and
        exports do, shows them in the order of the items.
        """
        using = router.db_for_write(self.model)
        now = timezone.now()
        times = [now - timedelta(microseconds=place) for place in range(len(items))]
        given: dict[str, list[Any]] = {
            "id": [random_id() for _ in items],
            "owner_id": [self.owner] * len(items),
            "created_at": times,
            "updated_at": times,
            **{name: [getattr(item, name) for item in items] for name in type(items[0]).model_fields},
        }
        fields = self.model._meta.concrete_fields
        columns = [given.get(f.attname) or [f.get_default() for _ in items] for f in fields]
        with transaction.atomic(using=using):
            insert_one(self.model).many(using, columns)
            record_many(using, self.owner, self.key, self.model(), len(items))
            note_write(using, self.owner)
        return given["id"]

    def change(self, id: str, values: Mapping[str, Any], if_match: IfMatch | None = None) -> ModelT:
        """Set fields of one row and return it; without values it stays untouched, its version too.

        Raises DoesNotExist, a 412 problem, and IntegrityError where the result would break a constraint.
        """
        if not values:
            return self.checked(id, if_match)
        using = router.db_for_write(self.model)
        sent = {"owner": self.owner, "id": self.shaped(id), "updated_at": timezone.now(), **values}
        if if_match is not None:
            sent["version"] = self.checked(id, if_match).version
        # The version is compared and raised in one statement: of two who saw the same one, one alone does it.
        update = recorded_update(self.model, tuple(values), if_match is not None)
        rows = update.run(using, self.entry(using, id, CHANGE, values), sent)
        if rows:
            note_write(using, self.owner)
            return instance(self.model, using, rows[0])
        self.checked(id, if_match)  # it is gone, or was changed just now
        return self.change(id, values, if_match)  # to a version that is named too

    def remove(self, id: str, if_match: IfMatch | None = None) -> ModelT:
        """Delete one row and return it as it was. Raises DoesNotExist and a 412 problem."""
        using = router.db_for_write(self.model)
        with transaction.atomic(using=using):
            mine = owned(self.model, self.owner).using(using)
            row = mine.select_for_update().get(pk=self.shaped(id))
            if if_match is not None:
                if_match.check(row.version)
            mine.filter(pk=id).delete()
            record(using, self.owner, self.key, row, DELETION)
            note_write(using, self.owner)
        return row

    def entry(self, using: str, id: str, action: int, fields: Iterable[str] = ()) -> dict[str, Any]:
        """Return what the admin's log keeps of a write."""
        return entry(using, self.owner, self.model, id, sentence(action, self.key, fields), action)

    def shaped(self, id: str) -> str:
        """Return what may be an id. Raises DoesNotExist for the rest, which no database needs to see."""
        if not ID_PATTERN.fullmatch(id):
            raise self.model.DoesNotExist
        return id

    def checked(self, id: str, if_match: IfMatch | None) -> ModelT:
        """Return one row at a version that the client named. Raises DoesNotExist and a 412 problem."""
        row = self.find(id)
        if if_match is not None:
            if_match.check(row.version)
        return row


class OwnedManager(models.Manager[ModelT]):
    """The manager of an owned model."""

    def owned_by(self, caller: Caller) -> Owned[ModelT]:
        """Return what the caller owns."""
        return Owned(self.model, caller.owner_id, caller.prefix)


def instance(model: type[ModelT], using: str, row: Any) -> ModelT:
    """Make an instance of all columns in their order."""
    return model.from_db(using, [field.attname for field in model._meta.concrete_fields], row)


@cache
def select_one(model: "type[OwnedModel]") -> Compiled:
    """Return the query of one row by its owner and id."""
    attributes = [field.attname for field in model._meta.concrete_fields]
    return Compiled(lambda: _one(model).values_list(*attributes))


@cache
def insert_one(model: "type[OwnedModel]") -> CompiledInsert:
    """Return the statement that makes one row."""
    return CompiledInsert(model)


@cache
def update_one(model: "type[OwnedModel]", names: tuple[str, ...], versioned: bool) -> CompiledUpdate:  # noqa: FBT001
    """Return the statement that sets these fields of one row, if it is at a version where that is asked."""
    new: dict[str, Any] = {name: parameter(model, name) for name in (*names, "updated_at")}
    version = {"version": parameter(model, "version")} if versioned else {}
    return CompiledUpdate(lambda: _one(model).filter(**version), {**new, "version": F("version") + 1})


@cache
def recorded_insert(model: "type[OwnedModel]") -> Recorded:
    """Return the statement that makes one row, and its entry in the log."""
    return Recorded(insert_one(model), model, model.label)


@cache
def recorded_update(model: "type[OwnedModel]", names: tuple[str, ...], versioned: bool) -> Recorded:  # noqa: FBT001
    """Return the statement that sets these fields of one row, and makes its entry in the log."""
    return Recorded(update_one(model, names, versioned), model, model.label)


def _one(model: type[ModelT]) -> models.QuerySet[ModelT]:
    return owned(model, parameter(model, "owner")).filter(pk=parameter(model, "id"))


def parameter(model: "type[OwnedModel]", name: str, called: str = "") -> Parameter:
    """Return a place for the value of a field, called as the field is or otherwise."""
    field: Any = model._meta.get_field(name)
    return Parameter(called or name, field)
