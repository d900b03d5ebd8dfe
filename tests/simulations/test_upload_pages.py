"""The CSV upload: a preview, then a confirmation."""

import re
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from api.models import PendingUpload
from simulations.models import Simulation
from tests.simulations.pages import PageTestCase

UPLOAD = "/simulations/upload/"
CONFIRM = "/simulations/upload/confirm/"
HEADER = "name,start_date,end_date\n"
GOOD = HEADER + "tide,2026-01-01,2026-01-02\nstorm,2026-02-01,2026-02-02\n"


class UploadTestCase(PageTestCase):
    def upload(self, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        return self.post(UPLOAD, {"file": SimpleUploadedFile("rows.csv", data)})

    def token(self, page: str) -> str:
        found = re.search(r'name="token" value="(\w+)"', page)
        assert found is not None
        return found[1]

    def confirm(self, token: str) -> Any:
        return self.client.post(CONFIRM, {"token": token}, follow=True)

    def names(self) -> list[str]:
        return list(Simulation.objects.order_by("-created_at").values_list("name", flat=True))


class UploadTests(UploadTestCase):
    def test_the_pages_require_a_signed_in_user(self) -> None:
        self.assert_asks_to_sign_in(UPLOAD, CONFIRM)

    def test_an_upload_shows_a_preview_and_writes_nothing(self) -> None:
        page = self.upload(GOOD)
        self.assertIn("2 valid rows", page)
        self.assertIn("Create 2 simulations", page)
        self.assertInHTML(
            '<tr><th scope="row">2</th><td>tide</td><td>2026-01-01</td><td>2026-01-02</td></tr>', page
        )
        self.assertFalse(Simulation.objects.exists())

    def test_confirming_creates_the_simulations(self) -> None:
        response = self.confirm(self.token(self.upload(GOOD)))
        self.assertEqual(response.redirect_chain, [("/simulations/", 302)])
        self.assertIn("2 simulations created.", response.content.decode())
        self.assertEqual(self.names(), ["tide", "storm"])
        self.assertEqual(set(Simulation.objects.values_list("owner", flat=True)), {self.alice.pk})
        self.assertFalse(PendingUpload.objects.exists())

    def test_a_second_confirmation_writes_nothing(self) -> None:
        token = self.token(self.upload(GOOD))
        self.confirm(token)
        response = self.confirm(token)
        self.assertIn("This preview has expired", response.content.decode())
        self.assertEqual(len(self.names()), 2)

    def test_only_the_last_uploaded_file_can_be_confirmed(self) -> None:
        first = self.token(self.upload(GOOD))
        second = self.token(self.upload(HEADER + "calm,2026-01-01,2026-01-02"))
        self.confirm(first)
        self.assertEqual(self.names(), [])
        self.confirm(second)
        self.assertEqual(self.names(), ["calm"])

    def test_a_stranger_or_a_wrong_token_cannot_confirm(self) -> None:
        token = self.token(self.upload(GOOD))
        for guess in ("", "x\0", "2" * 20):
            self.assertIn("This preview has expired", self.confirm(guess).content.decode())
        self.client.force_login(self.bob)
        self.assertIn("This preview has expired", self.confirm(token).content.decode())
        self.assertEqual(self.names(), [])

    def test_a_downloaded_file_can_be_uploaded(self) -> None:
        self.simulation(name="=tide\nand more")
        export = self.client.get("/simulations/download/").getvalue()
        self.confirm(self.token(self.upload(b"\xef\xbb\xbf" + export)))
        self.assertEqual(self.names(), ["=tide\nand more"] * 2)

    def test_query_counts_do_not_depend_on_the_number_of_rows(self) -> None:
        for rows in (1, 5_000):
            content = HEADER + "tide,2026-01-01,2026-01-02\n" * rows
            with self.subTest(rows), self.assertNumQueries(3):  # session, user, stored file
                self.upload(content)


class InvalidUploadTests(UploadTestCase):
    def assert_error_in(self, page: str, row: int, field: str, detail: str) -> None:
        self.assertInHTML(f'<tr><th scope="row">{row}</th><td>{field}</td><td>{detail}</td></tr>', page)

    def test_errors_are_listed_by_row_and_nothing_is_stored(self) -> None:
        page = self.upload(
            HEADER + "tide,2026-01-01,2026-01-02\n\n,2026-01-01,2026-01-02\n"
            '"two\nlines",2026-01-02,2026-01-01\nshort\nstorm,soon,2026-01-01\n'
        )
        self.assert_error_in(page, 4, "name", "is required")
        self.assert_error_in(page, 5, "end_date", "must not be before start_date")
        self.assert_error_in(page, 6, "", "must have 3 cells like the header, but has 1")
        self.assert_error_in(page, 7, "start_date", "must be a date in YYYY-MM-DD format")
        self.assertIn("1 of 5 rows is valid", page)
        self.assertNotIn('name="token"', page)
        self.assertFalse(PendingUpload.objects.exists())

    def test_an_invalid_file_is_an_error_of_the_field(self) -> None:
        for content, message in (
            (HEADER, "must not be empty"),
            ("\n", "the header must include name, start_date, end_date"),
            ("name,start_date\n", "the header must include end_date"),
            ("name,start_date,end_date,owner\n", "the header has unknown columns: &#x27;owner&#x27;"),
            ('name,start_date,"end_date\n', "the header is invalid: a quotation mark is never closed"),
            (GOOD.encode("utf-16"), "must be encoded in UTF-8; byte 0 is invalid"),
            (b"", "The submitted file is empty."),
            (HEADER + "x,2026-01-01,2026-01-01\n" * 10_001, "must have at most 10000 items"),
            (b"x" * (10 * 2**20 + 1), "must not be larger than 10 MiB; split the file"),
        ):
            with self.subTest(message):
                page = self.upload(content)
                self.assertIn(message, page)
                self.assertInHTML(f'<ul class="errorlist" id="id_file_error"><li>{message}</li></ul>', page)
        self.assertFalse(PendingUpload.objects.exists())

    def test_the_file_is_required(self) -> None:
        for data in ({}, {"file": "text"}):
            self.assertIn("This field is required.", self.post(UPLOAD, data))

    def test_more_than_one_file_is_rejected(self) -> None:
        files = {name: SimpleUploadedFile("rows.csv", GOOD.encode()) for name in ("file", "other")}
        self.post(UPLOAD, files, 400)

    def test_a_file_above_the_limit_has_its_size_but_is_not_kept(self) -> None:
        sent = SimpleUploadedFile("rows.csv", b"x" * (12 * 2**20))
        file = RequestFactory().post(UPLOAD, {"file": sent}).FILES.get("file")
        assert file is not None
        self.assertEqual(file.size, 12 * 2**20)
        with self.assertRaises(RequestDataTooBig):
            file.read()

    def test_the_page_stays_small_with_many_or_long_errors(self) -> None:
        cell = "'" * 100_000
        for content in (
            f"name,start_date,end_date,{cell}\n",
            HEADER + f"{cell},{cell},{cell}\n" * 30,
            HEADER + "'' \n" * 9_000,
            HEADER + ",,\n" * 9_000,
        ):
            page = self.upload(content)
            self.assertNotIn('name="token"', page)
        self.assertIn("first 100 of 27000", page)
