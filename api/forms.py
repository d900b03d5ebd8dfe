"""Forms that an API schema validates, so that the pages and the API report the same errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, transaction
from pydantic import BaseModel, ValidationError

from api.problems.validation import field_error
from owned.constraints import violated_by


class SchemaForm(forms.Form):
    """A form that a pydantic schema validates. The form's fields only define the widgets.

    Empty fields count as not sent, because browsers submit every field of a form.
    """

    schema: ClassVar[type[BaseModel]]
    read: Any
    """The validated data, an instance of `schema`. Subclasses annotate the type."""

    def clean(self) -> dict[str, Any]:
        """Validate the data with the schema, and add each error to its field."""
        sent = {name: value for name, value in self.cleaned_data.items() if value}
        try:
            self.read = self.schema.model_validate(sent)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                self.add_error(str(error["loc"][0]), field_error(error, "body", error["loc"])["detail"])
        return self.cleaned_data

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Add the error of a violated database constraint to its field."""
        try:
            with transaction.atomic():
                yield
        except ModelError as error:
            self.add_error(None, error)
        except IntegrityError as error:
            found = violated_by(error)
            if found is None or found.field not in ("", *self.fields):
                raise
            self.add_error(found.field or None, found.message)


def text_field(label: str, help_text: str = "", *, required: bool = False, **attrs: str) -> forms.Field:
    """Return a text field that passes its value to the schema unchanged."""
    return _field(forms.TextInput({**attrs, "required": required}), label, help_text)


def day_field(label: str, help_text: str = "", *, required: bool = False) -> forms.Field:
    """Return a date field. Browsers submit it as `YYYY-MM-DD`."""
    return _field(forms.DateInput({"type": "date", "required": required}), label, help_text)


def _field(widget: forms.Widget, label: str, help_text: str) -> forms.Field:
    # The field accepts any value, so that the schema reports all errors.
    return forms.Field(required=False, widget=widget, label=label, help_text=help_text)
