"""The same files make the same archive, whoever packs them and when."""

import os
import tarfile

import pytest

from rms.linux._archive import packed


def names(entries, **how):
    with packed(entries, **how) as archive, tarfile.open(fileobj=archive.file) as tar:
        return {info.name: oct(info.mode) for info in tar}


def digest(entries, **how):
    with packed(entries, **how) as archive:
        assert archive.size == len(archive.file.seek(0) or archive.file.read())
        return archive.digest


def test_only_names_contents_and_modes_count(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place / "dir").mkdir(parents=True)
        for name in ("b", "a") if place == "one" else ("a", "b"):
            (tmp_path / place / "dir" / name).write_text(name)
    os.utime(tmp_path / "two" / "dir" / "a", (1, 1))
    one, two = tmp_path / "one" / "dir", tmp_path / "two" / "dir"
    assert digest({"x": one, "y": b"z"}) == digest({"y": b"z", "x": two})
    assert digest({"x": one}) != digest({"y": one})
    (two / "a").write_text("A")
    assert digest({"x": one}) != digest({"x": two})


def test_modes_are_kept_but_for_what_is_to_be_executable(tmp_path):
    (tmp_path / "file").touch(0o640)
    (tmp_path / "file").chmod(0o4640)
    assert names({"f": tmp_path / "file", "c": b""}) == {"c": "0o600", "f": "0o640"}
    assert names({"f": tmp_path / "file"}, executable=True) == {"f": "0o740"}


def test_a_link_is_followed_if_it_is_what_was_named_and_kept_inside(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "link").symlink_to("elsewhere")
    (tmp_path / "named").symlink_to(tmp_path / "dir")
    with packed({"d": tmp_path / "named"}) as archive, tarfile.open(fileobj=archive.file) as tar:
        assert [(info.name, info.issym()) for info in tar] == [("d", False), ("d/link", True)]


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError), packed({"x": tmp_path / "no"}):
        pass
