"""The querysets of owned resources: Django's own, which also keep versions and know whose rows they are."""

from collections.abc import Iterable
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from django.conf import settings
from django.db import NotSupportedError, models, router, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from owned.ids import ID_PATTERN
from owned.postgresql.copying import BATCH, copy_in, copy_new
from owned.postgresql.locks import locked
from owned.postgresql.replicas import alias_for, note_write
from owned.statements import columns_of, select_one
from owned.validation import attributes, check_integers, check_rows, check_update, new_row, values_of
from owned.versions import VersionConflict, keep, keep_deleted, kept, number_new, stamps

ModelT = TypeVar("ModelT", bound=models.Model)


class OwnedQuerySet(QuerySet[ModelT]):
    """Rows of owned objects. Ownership is decided in `for_owner`, and only there."""

    owner_id: Any = None
    """Whose rows these are, if `for_owner` was called."""
    compiled = False
    """Whether these are all rows of the owner, so that a compiled query may read them; never of a clone."""

    def _clone(self) -> Self:
        rows: Self = super()._clone()  # type: ignore[misc]
        rows.owner_id = self.owner_id
        return rows

    def for_owner(self, owner: Any) -> Self:
        """Keep what a user owns, or a caller of the API; the rest does not exist for them."""
        return self.all()._keep(owner)

    def _keep(self, owner: Any) -> Self:
        """Keep the rows of an owner, in place.

        As with related managers, the filter is built when the query is first used: never for a compiled one.
        """
        _ = self.query  # which builds a filter that waits already
        self.owner_id = owner.owner_id if hasattr(owner, "owner_id") else owner.pk
        self._deferred_filter = False, (), {"owner_id": self.owner_id}
        return self

    def from_replica(self) -> Self:
        """Read from the standby, if there is one that has everything the owner wrote."""
        if self.owner_id is None or not settings.REPLICA_URL:
            return self
        rows = self.using(alias_for(self.model, self.owner_id))
        rows.compiled = self.compiled
        return rows

    def get(self, *args: Any, **kwargs: Any) -> ModelT:
        """Return one row; straight on the result of `for_owner`, by a compiled query."""
        id = kwargs.get("pk", kwargs.get("id"))
        if self.owner_id is None or args or len(kwargs) != 1 or not isinstance(id, str):
            return super().get(*args, **kwargs)
        return self._get(id, self.db, lock=False)

    def get_for_update(self, id: str) -> ModelT:
        """Return one row, locked until the end of the caller's transaction. Raises DoesNotExist."""
        using = router.db_for_write(self.model)
        if transaction.get_autocommit(using):
            return self.select_for_update().get(pk=id)  # Django's error
        return self._get(id, using, lock=True)

    def _get(self, id: str, using: str, *, lock: bool) -> ModelT:
        model: Any = self.model
        if not ID_PATTERN.fullmatch(id):
            raise model.DoesNotExist
        if not self.compiled:
            return QuerySet.get(self.select_for_update() if lock else self, pk=id)
        rows = select_one(model, lock=lock).rows(using, owner=self.owner_id, id=id)
        if not rows:
            raise model.DoesNotExist
        found: ModelT = model.from_db(using, columns_of(model), rows[0])
        return found

    def create(self, *args: Any, **values: Any) -> ModelT:
        """Create a row. After `for_owner`, the row gets that owner."""
        return super().create(*args, **self._owner(), **attributes(self.model, values))

    def create_many(self, items: Iterable[Any]) -> list[str]:
        """Create a row of each item: a mapping, or an object with the fields as attributes.

        Returns their ids, newest first. Like `bulk_create`, this calls no `save()` and sends no signals.
        Raises ValidationError and IntegrityError, and then creates none.
        """
        using = self._writer()
        values = values_of(self.model, items, {**stamps(), **self._owner()})
        ids = copy_new(using, self.model, values)
        if ids is None:
            rows = [new_row(self.model, each) for each in values]
            create = partial(QuerySet.bulk_create, self, rows, BATCH)
            self._insert_many(rows, using, lambda: copy_in(using, rows) or create())
            ids = [row.pk for row in rows]
        return ids

    def bulk_create(self, objs: Iterable[Any], batch_size: Any = None, *args: Any, **options: Any) -> Any:
        """Create rows as Django does."""
        if options.get("update_conflicts"):
            raise NotSupportedError("update_conflicts would replace versions without keeping them.")
        rows, create, size = list(objs), super().bulk_create, batch_size or BATCH
        for row, (name, value) in product(rows, {**stamps(), **self._owner()}.items()):
            setattr(row, name, value)
        self._insert_many(rows, self._writer(), lambda: create(rows, size, *args, **options))
        return rows

    def _insert_many(self, rows: list[Any], using: str, insert: Any) -> None:
        number_new(using, rows)
        check_rows(self.model, using, rows)
        with transaction.atomic(using=using, savepoint=False):
            if rows:
                insert()
            for owner in {row.owner_id for row in rows}:
                note_write(using, owner)

    def bulk_update(self, objs: Iterable[ModelT], fields: Iterable[str], batch_size: Any = None) -> int:
        """Set fields of rows as Django does, through `update`. Raises ValidationError."""
        rows, names = list(objs), list(fields)
        check_integers(self.model, self._writer(), rows, names)
        return super().bulk_update(rows, names, batch_size or BATCH)

    def update(self, **values: Any) -> int:
        """Set fields of all rows, and keep their versions. Raises ValidationError and VersionConflict."""
        if not values:
            return super().update()
        rows = self.using(self._writer())
        check_update(rows, values)
        news = {"updated_at": timezone.now(), **values, **stamps(), "version": F("version") + 1}
        with transaction.atomic(using=rows.db, savepoint=False):
            number = keep(locked(rows))
            self._note_writes()
            if (updated := QuerySet.update(kept(self), **news)) != number:
                raise VersionConflict
            return updated

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows, and keep their versions."""
        self.exclude(pk=None)  # raises TypeError for a slice
        with transaction.atomic(using=self._writer(), savepoint=False):
            rows = locked(self.using(self._writer()))
            keep_deleted(rows)
            self._note_writes()
            return QuerySet.delete(kept(rows))

    delete.alters_data = update.alters_data = create_many.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _writer(self) -> str:
        """Return the database that a write to these rows goes to."""
        return self.select_for_update().db

    def _owner(self) -> dict[str, Any]:
        return {} if self.owner_id is None else {"owner_id": self.owner_id}

    def _note_writes(self) -> None:
        if settings.REPLICA_URL:
            for owner in set(self.order_by().values_list("owner_id", flat=True).distinct()):
                note_write(self.db, owner)


if TYPE_CHECKING:

    class _Manager(models.Manager[ModelT]):
        def get_queryset(self) -> OwnedQuerySet[ModelT]: ...
        def for_owner(self, owner: Any) -> OwnedQuerySet[ModelT]: ...
        def create_many(self, items: Iterable[Any]) -> list[str]: ...

else:
    _Manager = models.Manager.from_queryset(OwnedQuerySet)


class OwnedManager(_Manager[ModelT]):
    """The manager of an owned model."""

    def for_owner(self, owner: Any) -> OwnedQuerySet[ModelT]:
        """Keep what a user owns, or a caller of the API; the rest does not exist for them."""
        queryset: Any = self.get_queryset()
        rows: OwnedQuerySet[ModelT] = queryset._keep(owner)
        rows.compiled = is_stock(cast(Any, type(self)), type(rows))
        return rows


@cache
def is_stock(manager: Any, queryset: Any) -> bool:
    """Return whether a manager selects rows as OwnedManager does, so that its queries may be compiled."""
    return all(
        getattr(mine, name) is getattr(stock, name)
        for mine, stock in ((manager, OwnedManager), (queryset, OwnedQuerySet))
        for name in ("get_queryset", "for_owner", "filter")
        if hasattr(stock, name)
    )
