"""Images and documents in requests."""

from __future__ import annotations

import base64
from pathlib import PurePath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.errors import ApiError
from serving.ocr.uploads import MEDIA_TYPES, Upload, from_base64, from_uri

PIXEL = base64.b64encode(b"GIF89a").decode()


def error(uri: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        from_uri(uri, "place")
    assert caught.value.param == "place"
    assert len(str(caught.value)) < 400
    return caught.value.status, caught.value.code


@given(st.binary(min_size=1), st.sampled_from(sorted(MEDIA_TYPES)))
def test_bytes_arrive_as_they_were_sent(data: bytes, media_type: str) -> None:
    text = base64.b64encode(data).decode()
    uri = f"data:{media_type};base64,{text}"
    assert from_uri(uri, "p") == Upload("p", data, media_type=media_type)
    assert from_base64(uri, "p", "a.pdf") == Upload(
        "p", data, media_type=media_type, filename="a.pdf"
    )
    assert from_base64(text, "p") == Upload("p", data)


alphabet = st.text("AQgw+/=-_ \n\u00e4\udc80", max_size=12)


def is_base64(text: str) -> bool:
    try:
        return bool(text) and base64.b64encode(base64.b64decode(text)).decode() == text
    except ValueError:
        return False


@given(alphabet)
@example("AA==")
@example("AB==")
@example("AA=")
@example("AAAA=")
@example("AAAA====")
@example("AA==AAAA")
@example("====")
@example("A===")
@example("AAAA\n")
def test_only_the_one_spelling_of_bytes_is_base64(text: str) -> None:
    """What is taken for base64 is exactly what encoding the bytes gives."""
    if is_base64(text):
        assert from_base64(text, "p").data == base64.b64decode(text)
        return
    with pytest.raises(ApiError) as caught:
        from_base64(text, "p")
    assert (caught.value.status, caught.value.code) == (400, "invalid_base64" if text else "empty")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("data:image/png;base64,", (400, "empty")),
        ("data:image/png;base64", (400, "invalid_base64")),
        ("data:image/png,abcd", (400, "invalid_base64")),
        ("data:base64,AAAA", (400, "invalid_base64")),
        ("data:image/png;base64,AAA", (400, "invalid_base64")),
        ("data:image/png;base64,AB==", (400, "invalid_base64")),
        ("data:image/png;base64,AA-_", (400, "invalid_base64")),
        ("data:image/png;base64,AA AA", (400, "invalid_base64")),
        ("data:image/png;base64,%41%41%41%41", (400, "invalid_base64")),
        ("data:image/svg+xml;base64,AAAA", (415, "unsupported_media_type")),
        ("data:text/html;base64,AAAA", (415, "unsupported_media_type")),
        ("data:;base64,AAAA", (415, "unsupported_media_type")),
        (f"data:{'x' * 10_000};base64,AAAA", (415, "unsupported_media_type")),
        ("file:///etc/passwd", (400, "invalid_value")),
        ("ftp://example.com/a.png", (400, "invalid_value")),
        ("//example.com/a.png", (400, "invalid_value")),
        ("a.png", (400, "invalid_value")),
        ("", (400, "invalid_value")),
    ],
)
def test_what_is_no_document_is_refused(uri: str, expected: tuple[int, str]) -> None:
    assert error(uri) == expected


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        ("image/jpg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("application/pdf;name=a.pdf", "application/pdf"),
    ],
)
def test_a_declared_type_is_known_by_its_one_name(head: str, media_type: str) -> None:
    assert from_uri(f"DATA:{head};BASE64,{PIXEL}", "p").media_type == media_type


@pytest.mark.parametrize("url", ["https://example.com/a.pdf", "HTTP://example.com/a"])
def test_a_url_is_kept_and_not_checked(url: str) -> None:
    assert from_uri(url, "p") == Upload("p", url=url)


def test_the_bytes_of_a_document_are_not_printed() -> None:
    assert "secret" not in repr(from_base64(base64.b64encode(b"secret").decode(), "p"))


def test_every_type_that_is_sent_is_one_that_is_read() -> None:
    from pipeline.config import InputConfig

    suffixes = {PurePath(f"x.{name.split('/')[1]}").suffix for name in MEDIA_TYPES}
    assert suffixes <= set(InputConfig().suffixes)
