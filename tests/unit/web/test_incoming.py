"""The body of a request: how much of it is read, whatever its length is said to be."""

from io import BytesIO

import pytest

from fhir_server.errors import BadRequest, PayloadTooLarge
from fhir_server.settings import Settings
from fhir_server.web.incoming import raw_body

SETTINGS = Settings(max_body_bytes=10)


@pytest.mark.parametrize("length", ["", "3"])
def test_a_body_is_read_with_its_length_or_without(length: str) -> None:
    assert raw_body({"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"abc")}, SETTINGS) == b"abc"


@pytest.mark.parametrize("length", ["²", "-1", "three"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(BadRequest):
        raw_body({"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"abc")}, SETTINGS)


@pytest.mark.parametrize("length", ["11", "9" * 5000])
def test_a_body_that_says_that_it_is_too_long_is_not_read(length: str) -> None:
    stream = BytesIO(b"abc")
    with pytest.raises(PayloadTooLarge):
        raw_body({"CONTENT_LENGTH": length, "wsgi.input": stream}, SETTINGS)
    assert stream.tell() == 0


def test_a_body_without_a_length_is_read_to_the_limit() -> None:
    with pytest.raises(PayloadTooLarge):
        raw_body({"wsgi.input": BytesIO(b"a" * 11)}, SETTINGS)
