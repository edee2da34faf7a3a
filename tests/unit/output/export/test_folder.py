"""The folder of an export on a local file system."""

from __future__ import annotations

from pathlib import Path

from pipeline.output.export.folder import LocalFolder


def test_files_whose_long_names_begin_alike_can_be_written_at_a_time(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    names = [f"{'long' * 40}-{number}.md" for number in (1, 2)]
    with folder.partial(names[0]) as first, folder.partial(names[1]) as second:
        first.write_text("first")
        second.write_text("second")
    assert [folder.read(name) for name in names] == [b"first", b"second"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    for sign in ("a", "\u00e4", "\u4e00", "\U0001f600"):
        name = sign * (250 // len(sign.encode()))
        with folder.partial(name) as partial:
            partial.write_text("")
        assert folder.exists(name)
