"""CSV files that people send: looked at first, written once their owner says yes."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar, NamedTuple, NoReturn

from django import forms
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils import timezone
from pydantic import ValidationError

from api.bulk.rows import read_csv_of, row_numbers
from api.bulk.schemas import Bulk
from api.idempotency import STORED_FOR
from api.models import PendingUpload
from api.problems.problem import Problem
from api.problems.validation import field_error

MESSAGE = 300  # characters; one about a header repeats it, however long it is


class CappedUploadHandler(FileUploadHandler):
    """Keeps a file in memory, and of one that is too long no more than shows that it is."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self.file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a part, or drop it; no other handler gets it."""
        if start <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self.file.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """Return the file; one that is too large has its size, but cannot be read."""
        self.file.seek(0)
        kind = InMemoryUploadedFile if file_size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE else OversizedFile
        return kind(
            self.file, self.field_name, str(self.file_name), self.content_type, file_size, self.charset
        )


class OversizedFile(InMemoryUploadedFile):
    """A file over the limit, of which nothing is kept."""

    @property
    def file(self) -> NoReturn:
        """Raise RequestDataTooBig: a part must never pass for the whole."""
        raise RequestDataTooBig(f"The file is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.")

    @file.setter
    def file(self, value: Any) -> None:
        pass


class RowError(NamedTuple):
    """What is wrong with one row, counted as a spreadsheet does."""

    row: int
    field: str
    detail: str


@dataclass(frozen=True)
class Sheet:
    """What a CSV file holds: its objects, unless there are errors."""

    text: str
    rows: list[Any]
    """The rows as they stand in the file; one that could not even be read is a text that says why."""
    numbers: list[int]
    errors: list[RowError]

    @property
    def good(self) -> int:
        """How many rows have no error."""
        return len(self.rows) - len({error.row for error in self.errors})


def read_sheet(schema: type[Bulk[Any]], text: str) -> Sheet:
    """Read the rows, and look for what is wrong. Raises ValidationError where that is the file as a whole."""
    try:
        read = read_csv_of(schema.item_schema())(text)
    except Problem as problem:
        raise forms.ValidationError([error["detail"][:MESSAGE] for error in problem.errors]) from None
    numbers, errors = row_numbers(text), []
    try:
        schema.model_validate(read)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            _, *place = error["loc"]
            detail = field_error(error, "body", error["loc"])["detail"]
            if not place:
                raise forms.ValidationError(detail) from None
            errors.append(RowError(numbers[int(place[0])], ".".join(map(str, place[1:])), detail))
    return Sheet(text, read["items"], numbers, errors)


class UploadForm(forms.Form):
    """Takes a CSV file, and makes a `Sheet` of it; a resource says of which schema."""

    schema: ClassVar[type[Bulk[Any]]]

    file = forms.FileField(label="CSV file", widget=forms.FileInput({"accept": ".csv,text/csv"}))

    def clean_file(self) -> Sheet:
        """Return what the file holds."""
        file, limit = self.cleaned_data["file"], settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if file.size > limit:
            raise forms.ValidationError(f"is over {limit // 2**20} MiB; send less at a time")
        try:
            return read_sheet(self.schema, file.read().decode())
        except UnicodeDecodeError as error:
            raise forms.ValidationError(f"is not UTF-8, at byte {error.start}") from None


def keep(owner: int, sheet: Sheet) -> str:
    """Keep a file until its owner says yes, or sends another; returns the token to say it with.

    In the database, which all workers share, and not on the page, whose size has a bound.
    """
    kept = PendingUpload(owner_id=owner, content=sheet.text.encode())
    changing = ["token", "content", "created_at"]
    PendingUpload.objects.bulk_create(
        [kept], update_conflicts=True, unique_fields=["owner"], update_fields=changing
    )
    return kept.token


def forget_unconfirmed() -> int:
    """Delete the files that nobody said yes to within 24 hours; returns how many there were."""
    return PendingUpload.objects.filter(created_at__lt=timezone.now() - STORED_FOR).delete()[0]


def take(owner: int, token: str) -> str | None:
    """Return a kept file, which is then gone, or None where another request took it; in a transaction."""
    kept = PendingUpload.objects.select_for_update().filter(owner_id=owner).first()
    if kept is None or kept.token != token:
        return None
    kept.delete()
    return bytes(kept.content).decode()
