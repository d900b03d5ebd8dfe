"""Forms of pages whose rules are those of a schema, so that a page and the API say the same of a value."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django import forms
from django.core import exceptions
from django.db import IntegrityError, transaction
from pydantic import BaseModel, ValidationError

from api.problems.validation import field_error
from owned.constraints import FieldCheck


class SchemaForm(forms.Form):
    """A form that a pydantic schema validates; its fields only say how they look.

    A field that is left empty counts as not sent: a browser sends each field that there is.
    """

    schema: ClassVar[type[BaseModel]]
    read: Any
    """What the schema made of a valid form; a form says of which type."""

    def clean(self) -> dict[str, Any]:
        """Have the schema read what was sent, and show each of its errors at the field."""
        sent = {name: value for name, value in self.cleaned_data.items() if value}
        try:
            self.read = self.schema.model_validate(sent)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                self.add_error(str(error["loc"][0]), field_error(error, "body", error["loc"])["detail"])
        return self.cleaned_data

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Show at its field what the database refuses to write, and roll back what was written here."""
        try:
            with transaction.atomic():
                yield
        except IntegrityError as error:
            check = FieldCheck.violated_by(error)
            if check is None:
                raise
            self.add_error(check.field, str(check.violation_error_message))
        except exceptions.ValidationError as error:
            self.add_error(None, error)


def text_field(label: str, help_text: str = "", *, required: bool = False, **attrs: str) -> forms.Field:
    """Return a line of text, handed to the schema as it was typed."""
    return _field(forms.TextInput({**attrs, "required": required}), label, help_text)


def day_field(label: str, help_text: str = "", *, required: bool = False) -> forms.Field:
    """Return a day, which a browser sends as `YYYY-MM-DD`."""
    return _field(forms.DateInput({"type": "date", "required": required}), label, help_text)


def _field(widget: forms.Widget, label: str, help_text: str) -> forms.Field:
    # A plain field takes any value: the schema refuses what is empty, and says so in its own words.
    return forms.Field(required=False, widget=widget, label=label, help_text=help_text)
