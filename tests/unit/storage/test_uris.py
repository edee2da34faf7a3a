from __future__ import annotations

import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.storage import uris

names = st.text("ab .*?[]!é%/", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("a/b.pdf", ""),
        ("/data/a: //b.pdf", ""),
        ("C://x", ""),
        ("S3://b/k", "s3"),
        ("file:///a", "file"),
        ("https://h/a", "https"),
    ],
)
def test_a_scheme_is_told_from_a_path(uri: str, scheme: str):
    assert uris.scheme(uri) == scheme


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("ftp://h/a.pdf", "unknown scheme ftp://; take a path, s3://"),
        ("s3:///key", "no bucket; write s3://BUCKET/KEY"),
        ("https:///a.pdf", "no host"),
    ],
)
def test_a_place_that_is_none_says_what_to_write(uri: str, says: str):
    with pytest.raises(ConfigError, match=says):
        uris.check(uri)


@pytest.mark.parametrize(
    ("pattern", "path", "rest"),
    [
        ("a/*.pdf", "a/x.pdf", None),
        ("a/**/*.pdf", "a/x.pdf", None),
        ("a/**/*.pdf", "a/b/c/x.pdf", None),
        ("a/d*", "a/deep/c.jpg", "c.jpg"),
        ("a/scan[0-9]?.pdf", "a/scan12.pdf", None),
        ("a/[!b]x", "a/cx", None),
        ("a/[]]x", "a/]x", None),
        ("a/**", "a/b/notes.txt", None),
    ],
)
def test_patterns_match(pattern: str, path: str, rest: str | None):
    match = uris.matcher(pattern).fullmatch(path)
    assert match
    assert match["rest"] == rest


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("a/*.pdf", "a/b/x.pdf"), ("a/?", "a/"), ("a/[!b]x", "a/bx"), ("a/[!b]", "a//")],
)
def test_patterns_that_do_not_match(pattern: str, path: str):
    assert not uris.matcher(pattern).fullmatch(path)


@given(names, names)
def test_any_pattern_compiles_and_what_is_no_pattern_matches_itself(pattern: str, path: str):
    matcher = uris.matcher(pattern)
    assert path.startswith(uris.base(path))
    if not uris.has_magic(path):
        assert uris.matcher(path).fullmatch(path)
    if matcher.fullmatch(path):
        assert path.startswith(uris.base(pattern))


def test_patterns_mean_what_glob_makes_of_them(tmp_path: Path):
    for name in ("a.pdf", "b1.pdf", "x/a.pdf", "x/y/b2.pdf", "x/[1].pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = [str(path) for path in tmp_path.rglob("*") if path.is_file()]
    for name in ("*.pdf", "**/*.pdf", "x/*", "x/**/b?.pdf", "**/[[]1].pdf", "*/*/*", "b[0-9].pdf"):
        pattern = f"{tmp_path}/{name}"
        matches = [(path, uris.matcher(pattern).fullmatch(path)) for path in files]
        ours = {path for path, match in matches if match and not match["rest"]}
        assert ours == set(files) & set(glob.glob(pattern, recursive=True)), name


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("a.zip!/b/c.pdf", ("a.zip", "b/c.pdf")),
        ("s3://b/wow!/a.TAR.GZ!/c.pdf", ("s3://b/wow!/a.TAR.GZ", "c.pdf")),
        ("/wow!/c.pdf", None),
        ("a.zip", None),
    ],
)
def test_members_are_told_from_folders_with_odd_names(uri: str, parts: tuple[str, str] | None):
    assert uris.split_member(uri) == parts


@given(names)
def test_a_member_is_found_again(member: str):
    assert uris.split_member(uris.join_member("s3://b/a.zip", member)) == ("s3://b/a.zip", member)
    quoted = uris.join_member("file:///a%FF.zip", member)
    assert uris.split_member(uris.local_path(quoted)) == ("/a\udcff.zip", member)


def test_attachments_stand_behind_their_pdf():
    assert uris.split_attachment("s3://b/x.PDF!/a b.pdf") == ("s3://b/x.PDF", "a b.pdf")
    assert uris.split_attachment("https://h/x.pdf?k=1!/a.pdf") == ("https://h/x.pdf?k=1", "a.pdf")
    inner = "m.zip!/x.pdf!/a.pdf"
    assert uris.split_attachment(inner) == ("m.zip!/x.pdf", "a.pdf")
    for uri in ("x.pdf", "x.pdf!/", "m.zip!/x.pdf", "x.pdf!/a/b.pdf", "x.pdf!"):
        assert uris.split_attachment(uri) is None, uri
    for outer, name in (("/x.pdf", "ü 1!.pdf"), ("file:///x%20.pdf", "ü 1%.pdf")):
        assert uris.member_name(uris.join_member(outer, name), outer) == name


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("GS://Scans/In/a.pdf", "gs://Scans/In/a.pdf"),
        ("s3://a/B", "s3://a/B"),
        ("/data/S3://x", "/data/S3://x"),
        ("HTTPS://Host/A", "https://Host/A"),
    ],
)
def test_only_the_scheme_is_put_into_lower_case(uri: str, expected: str) -> None:
    assert uris.normal(uri) == expected
