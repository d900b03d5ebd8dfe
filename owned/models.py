"""What every owned resource is made of."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, router, transaction
from django.db.models.signals import post_delete, pre_delete
from django.utils import timezone

from owned.constraints import owned_indexes
from owned.ids import ID_LENGTH, NewID, random_id
from owned.postgresql.replicas import note_write
from owned.querysets import OwnedManager
from owned.statements import insert_one, update_one
from owned.states import columns
from owned.validation import attributes, check_values, checked, compared
from owned.versions import Stamped, Version, VersionConflict, keep_deleted, keep_one, next_versions, stamps

__all__ = ["OwnedModel", "Version", "VersionConflict", "owned_indexes"]


class OwnedModel(Stamped):
    """An object of one user, with a random id, times, and a version that each change raises by one.

    `save()` and `delete()` copy the version they replace, and raise VersionConflict if that is not current.
    """

    id = models.CharField(
        primary_key=True, max_length=ID_LENGTH, default=random_id, editable=False, verbose_name="ID"
    )
    # The indexes of a resource begin with the owner, so the foreign key needs none of its own.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects: ClassVar[OwnedManager[Self]] = OwnedManager()

    label: ClassVar[str] = "id"
    """The field that names a row to people, in the admin and its history."""

    _loaded: dict[str, Any] = {}
    """The columns that `save` compares, as they were when this instance was loaded or saved."""
    _expected: dict[str, Any] = {}

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(getattr(self, self.label))

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        row = super().from_db(*args, **kwargs)
        values = vars(row)
        row._loaded = {name: values[name] for name in compared(cls) if name in values}
        return row

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self._remember(fields)

    def change(self, **values: Any) -> Self:
        """Set fields and save; without values, nothing is written."""
        if values:
            for name, value in attributes(type(self), values).items():
                self._meta.get_field(name)  # raises FieldDoesNotExist
                setattr(self, name, value)
            self.save()
        return self

    def save(
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write the row. Raises VersionConflict, DoesNotExist, ValidationError and IntegrityError."""
        if (fields := None if update_fields is None else {*update_fields}) == set():
            return
        using = using or router.db_for_write(type(self), instance=self)
        self._check(using)
        is_new = self._state.adding or self._loaded.get("id", self.pk) != self.pk
        if force_insert or (is_new and not (force_update or fields)):
            self._insert(using, force_insert)
        else:
            self._replace(using, fields)
        note_write(using, self.owner_id)

    def _insert(self, using: str, force_insert: Any) -> None:
        own = 1 if self._loaded else self.version
        self.version = own if isinstance(self.pk, NewID) or not self.pk else next_versions(using, [self])[0]
        if self._state.adding:
            self.updated_at = self.created_at
        vars(self).update(stamps(), _loaded={})
        # Without `force_insert`, Django would overwrite a row of this id.
        super().save(force_insert=force_insert or True, using=using)
        self.id = str(self.id)  # which is no NewID from now on
        self._remember()
        self._refresh_computed(using, generated=False)

    def _replace(self, using: str, fields: set[str] | None) -> None:
        owner, version = self._at("owner_id"), self._at("version")
        news = {**stamps(), "version": version + 1, "updated_at": timezone.now()}
        olds = {name: vars(self)[name] for name in (*news, "_loaded") if name in vars(self)}
        with transaction.atomic(using=using, savepoint=False):
            found = keep_one(type(self), using, owner=owner, id=self.pk, version=version)
            if found:
                self._expected = {"owner": owner, "version": version}
                vars(self).update(news)
                try:
                    changing = fields and fields | news.keys()
                    super().save(force_update=True, using=using, update_fields=changing)
                    self._refresh_computed(using, generated=True)
                except BaseException:
                    vars(self).update(olds)
                    raise
                finally:
                    self._expected = {}
        if not found:  # nothing was written, so a transaction around this one may go on
            raise VersionConflict if self._stored(using).exists() else self.DoesNotExist
        if owner != self.owner_id:
            note_write(using, owner)

    def _do_insert(self, manager: Any, using: Any, fields: Any, returning_fields: Any, raw: Any) -> Any:
        """Run Django's INSERT, compiled once if its values are plain."""
        values = [(f, None, getattr(self, f.attname) if raw else f.pre_save(self, add=True)) for f in fields]
        if not returning_fields and (insert := insert_one(type(self), values)):
            insert.write(using, **{f"new {field.attname}": value for field, _, value in values})
            return []
        vars(self).update({field.attname: value for field, _, value in values})  # saved in advance: once each
        return super()._do_insert(manager, using, fields, returning_fields, raw=True)  # type: ignore[misc]

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *args: Any) -> Any:
        """Name in Django's UPDATE the version that it replaces; compile it if its values are plain."""
        is_plain = self._expected and self._meta.base_manager_name is None
        update = update_one(type(self), values) if is_plain else None
        news = {f"new {field.attname}": value for field, _, value in values}
        done: Any = (
            update.write(using, id=pk_val, **self._expected, **news)
            if update
            else super()._do_update(base_qs.filter(**self._expected), using, pk_val, values, *args)
        )
        self._remember({"id", *(field.attname for field, _, _ in values)})  # before post_save, which may save
        return done

    def delete(self, using: Any = None, keep_parents: Any = False) -> tuple[int, dict[str, int]]:  # noqa: FBT002 (Django's form)
        """Delete the row. Raises VersionConflict."""
        using = using or router.db_for_write(type(self), instance=self)
        owner, version = self._at("owner_id"), self._at("version")
        row = self._stored(using).filter(version=version)
        with transaction.atomic(using=using, savepoint=False):
            if keep_deleted(row) or not self._stored(using).exists():
                note_write(using, owner)
                if any(signal.has_listeners(type(self)) for signal in (pre_delete, post_delete)):
                    return super().delete(using, keep_parents)
                deleted = models.QuerySet.delete(row)  # names the owner, as each statement does
                self.pk = None
                return deleted
        raise VersionConflict

    delete.alters_data = save.alters_data = True  # type: ignore[attr-defined]

    def _remember(self, fields: Iterable[str] | None = None) -> None:
        """Note what the database holds of the columns that `save` compares."""
        read = None if fields is None else {*fields}
        names = [n for n in compared(type(self)) if read is None or {n, n.removesuffix("_id")} & read]
        self._loaded = {**self._loaded, **{name: vars(self)[name] for name in names if name in vars(self)}}

    def _at(self, name: str) -> Any:
        """Return the value of a column when the row was loaded; a deferred one is loaded now."""
        return self._loaded.get(name, getattr(self, name))

    def _stored(self, using: str) -> Any:
        rows: Any = models.QuerySet(type(self), using=using)
        return rows.filter(owner_id=self._at("owner_id"), pk=self.pk)

    def _check(self, using: str) -> None:
        """Check the values that are new. Raises ValidationError."""
        if names := checked(type(self)):
            old = self._loaded if self._at("owner_id") == self.owner_id else {}
            given = {name: vars(self)[name] for name in names if name in vars(self)}
            new = {name: [value] for name, value in given.items() if name not in old or old[name] != value}
            check_values(type(self), using, self.owner_id, new)

    def _refresh_computed(self, using: str, *, generated: bool) -> None:
        """Read what the database computed, in place of the expressions that it was computed from."""
        values = vars(self)
        kinds = models.GeneratedField if generated else ()
        computed = [
            field.attname
            for field in columns(type(self))
            if field.attname in values
            and (isinstance(field, kinds) or hasattr(values[field.attname], "resolve_expression"))
        ]
        if computed:
            self.refresh_from_db(using, computed)
