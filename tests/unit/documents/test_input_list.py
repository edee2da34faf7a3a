from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import StoreConfig
from pipeline.documents import input_list
from pipeline.errors import ConfigError
from tests.support.object_stores import Fault, S3Server

PLACES = ["s3://b/ü ñ.pdf", "/a b.pdf", "x" * 1000]


def write(folder: Path, name: str, places: list[str], field: str = "uri") -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"n": range(len(places)), field: places}), path)
    elif path.suffix == ".txt":
        path.write_text("\n\n".join(places), encoding="utf-8-sig")
    else:
        path.write_text("".join(json.dumps({field: place}) + "\n" for place in places))
    return path


@pytest.mark.parametrize("name", ["l.txt", "l.jsonl", "l.NDJSON", "l.parquet"])
@pytest.mark.parametrize("where", ["local", "s3"])
def test_lists_of_all_kinds(name: str, where: str, tmp_path: Path, s3: S3Server):
    path = write(tmp_path, name, PLACES)
    place = str(path) if where == "local" else s3.put(name, path.read_bytes())
    s3.faults.append(Fault("cut", name, times=1))
    assert list(input_list.read_uris(place, "uri", s3.config())) == PLACES


@pytest.mark.parametrize("name", ["l.jsonl", "l.parquet"])
def test_the_field_has_a_name(name: str, tmp_path: Path):
    path = write(tmp_path, name, PLACES, field="where")
    assert list(input_list.read_uris(str(path), "where", StoreConfig())) == PLACES
    with pytest.raises(ConfigError, match="uri"):
        list(input_list.read_uris(str(path), "uri", StoreConfig()))


@pytest.mark.parametrize("line", ["{", "[]", '"x"', '{"uri": 5}', '{"uri": ""}'])
def test_a_line_without_a_place_is_named(line: str, tmp_path: Path):
    (tmp_path / "l.jsonl").write_text('{"uri": "a.pdf"}\n' + line)
    with pytest.raises(ConfigError, match=r"line 2 of .*l\.jsonl"):
        list(input_list.read_uris(str(tmp_path / "l.jsonl"), "uri", StoreConfig()))


@pytest.mark.parametrize("name", ["l.txt", "l.parquet"])
def test_a_list_that_cannot_be_read_says_so(name: str, tmp_path: Path, s3: S3Server):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00")
    for place in (str(tmp_path / name), f"s3://{s3.bucket}/{name}"):
        with pytest.raises(ConfigError, match=rf"the list .*{name} cannot be read"):
            list(input_list.read_uris(place, "uri", s3.config()))
