"""Files that commands write, on a disk that is full: nothing half is left, and the one who asked is told which."""

import errno
import resource

import pytest

from replay.cli.destination import destination, naming, write_new


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_leaves_no_file_and_names_it(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as raised, destination(tmp_path / "x.csv"):
        full()
    assert (raised.value.filename, list(tmp_path.iterdir())) == (str(tmp_path / "x.csv"), [])


def test_a_new_file_on_a_disk_that_is_full_is_not_there(tmp_path):
    path = tmp_path / "x.json"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write_new(path, "{}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (raised.value.filename, path.exists()) == (str(path), False)


def test_a_file_that_was_read_stays_the_one_to_blame(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, naming(tmp_path / "x"):
        (tmp_path / "log").read_bytes()
    assert raised.value.filename == str(tmp_path / "log")


def test_what_is_written_until_it_is_whole_is_not_named(tmp_path):
    with pytest.raises(OSError, match="full") as raised, naming(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "full", str(tmp_path / "log"), None, str(tmp_path / ".x.k3j/log"))
    assert (raised.value.filename, raised.value.filename2) == (str(tmp_path / "x"), None)
