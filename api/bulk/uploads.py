"""CSV uploads: the user previews a file first, and confirms it to create the objects."""

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

MESSAGE = 300  # most characters of an error message, which can quote a header of any length


class CappedUploadHandler(FileUploadHandler):
    """Keeps a file in memory. Of a file above the limit, only the start is kept."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Start a new file."""
        super().new_file(*args, **kwargs)
        self.file = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Store a chunk, or drop it above the limit. No other handler receives it."""
        if start <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self.file.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """Return the file with its original size."""
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
    """An error in a row. Rows are numbered as in a spreadsheet."""

    row: int
    field: str
    detail: str


@dataclass(frozen=True)
class Sheet:
    """The rows of a CSV file and their errors."""

    text: str
    rows: list[Any]
    """The rows as they are in the file. A row that could not be read is a string that explains why."""
    numbers: list[int]
    errors: list[RowError]

    @property
    def good(self) -> int:
        """The number of rows without errors."""
        return len(self.rows) - len({error.row for error in self.errors})


def read_sheet(schema: type[Bulk[Any]], text: str) -> Sheet:
    """Read and validate the rows. Raises ValidationError if the file as a whole is invalid."""
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
    """Reads a CSV file into a `Sheet`. Subclasses set the schema."""

    schema: ClassVar[type[Bulk[Any]]]

    file = forms.FileField(label="CSV file", widget=forms.FileInput({"accept": ".csv,text/csv"}))

    def clean_file(self) -> Sheet:
        """Return the rows of the file. Raises ValidationError if it is too large or not UTF-8."""
        file, limit = self.cleaned_data["file"], settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if file.size > limit:
            raise forms.ValidationError(f"must not be larger than {limit // 2**20} MiB; split the file")
        try:
            return read_sheet(self.schema, file.read().decode())
        except UnicodeDecodeError as error:
            raise forms.ValidationError(f"must be encoded in UTF-8; byte {error.start} is invalid") from None


def keep(owner: int, sheet: Sheet) -> str:
    """Store a file until its owner confirms it or uploads another. Returns the token that confirms it.

    The file is in the database, because all workers share it and the page must stay small.
    """
    kept = PendingUpload(owner_id=owner, content=sheet.text.encode())
    changing = ["token", "content", "created_at"]
    PendingUpload.objects.bulk_create(
        [kept], update_conflicts=True, unique_fields=["owner"], update_fields=changing
    )
    return kept.token


def forget_unconfirmed() -> int:
    """Delete the files that were not confirmed within 24 hours. Returns their number."""
    return PendingUpload.objects.filter(created_at__lt=timezone.now() - STORED_FOR).delete()[0]


def take(owner: int, token: str) -> str | None:
    """Return a stored file and delete it, or return None if it is gone. Requires a transaction."""
    kept = PendingUpload.objects.select_for_update().filter(owner_id=owner).first()
    if kept is None or kept.token != token:
        return None
    kept.delete()
    return bytes(kept.content).decode()
