"""What every transport must do: a test class derives `TransportContract` and gives its fixtures."""

import hashlib
import io
import os
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from engine.rm.transport import CommandFailed, Transport, TransportLost

PATIENCE = 20.0  # seconds after which a test that waits to be told gives up


class Inbox:
    """Callbacks put in, the test takes out: it waits, and never asks."""

    def __init__(self):
        self._queue: SimpleQueue = SimpleQueue()
        self.put = self._queue.put
        self.empty = self._queue.empty

    def take(self):
        return self._queue.get(timeout=PATIENCE)

    def bytes(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.take()
        return data


def start_time_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


class Process:
    """A process of this machine that runs until it is killed, and then is a zombie until it is reaped."""

    def __init__(self):
        self._popen = subprocess.Popen(["sleep", "1000"])
        self.pid = self._popen.pid
        self.start_time = start_time_of(self.pid)
        self.kill = self._popen.kill

    def reap(self):
        self.kill()
        self._popen.wait()


class Stream(io.RawIOBase):
    """So many bytes, made as they are read; remembers how many of them were."""

    def __init__(self, size: int):
        self.left = size

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), self.left)
        buffer[:size] = b"x" * size
        self.left -= size
        return size


class BrokenStream(io.RawIOBase):
    """Gives something, and then fails."""

    def __init__(self):
        self._pieces = [b"a line\n"]

    def read(self, size=-1):
        if self._pieces:
            return self._pieces.pop()
        raise ValueError("the disk is broken")


class TransportContract:
    """What a test class gives: a transport, and a place and a process on its host.

    `transport`: one that is open. `place`: a directory on its host which the test reaches by the same name.
    `process`: see `Process`.
    """

    @pytest.fixture
    def transport(self) -> Transport:
        raise AssertionError("the test class gives this fixture")

    @pytest.fixture
    def place(self, tmp_path) -> Path:
        return tmp_path

    @pytest.fixture
    def inbox(self) -> Inbox:
        return Inbox()

    @pytest.fixture
    def process(self):
        process = Process()
        yield process
        process.reap()

    # --- run

    def test_a_script_gives_its_output_and_its_status(self, transport):
        done = transport.run("echo out; echo err >&2; exit 3")
        assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")

    def test_arguments_arrive_as_they_are(self, transport):
        args = ["", "a b", "'\"$(id)`", "*", "-n", "new\nline", "\\n", "größe"]
        done = transport.run('printf "%s|" "$#" "$@"', *args)
        assert done.stdout.decode() == "|".join([str(len(args)), *args]) + "|"

    def test_a_script_arrives_as_it_is(self, transport):
        script = "cat <<'X'\n  a  \\n $HOME 'b' \"c\" `d`\n\n\tgrün\\\nX\n"
        assert transport.run(script).stdout.decode() == "  a  \\n $HOME 'b' \"c\" `d`\n\n\tgrün\\\n"

    def test_a_script_does_not_show_in_the_arguments_of_a_process(self, transport):
        done = transport.run("cat /proc/$$/cmdline # s3cret", stdin=b"hidden")
        assert b"s3cret" not in done.stdout
        assert b"hidden" not in done.stdout

    @pytest.mark.parametrize("data", [b"", b"x", b"no end of line", bytes(range(256)) * 1000])
    def test_standard_input_arrives_byte_for_byte_and_ends(self, transport, data):
        assert transport.run("cat\n", stdin=data).stdout == data

    def test_a_signalled_script_has_a_negative_status(self, transport):
        assert transport.run("kill -9 $$").code == -9

    def test_a_script_that_takes_too_long_is_lost_and_said(self, transport):
        with pytest.raises(TransportLost, match=r"not done after 0\.05 s"):
            transport.run("sleep 1000", timeout=0.05)

    def test_a_script_that_fails_to_parse_says_so_and_harms_no_other(self, transport):
        done = transport.run("if true; then")
        assert done.code > 0
        assert b"yntax error" in done.stderr
        assert transport.run("echo fine").stdout == b"fine\n"

    def test_scripts_share_nothing(self, transport):
        transport.run("cd /tmp; x=1; export x; umask 0; set -- a b; trap 'echo trapped' EXIT; exec >/dev/null")
        done = transport.run('pwd; echo "$x-$#"')
        assert done.stdout == b"/\n-0\n"

    def test_a_script_has_no_file_open_but_its_three(self, transport):
        done = transport.run("ls /proc/self/fd")  # of which one is the directory that ls reads
        assert done.stdout.split() == [b"0", b"1", b"2", b"3"]

    def test_nul_is_refused(self, transport):
        for words in (["a\0b"], ["true", "a\0b"]):
            with pytest.raises(ValueError, match=r"null byte|NUL"):
                transport.run(*words)

    def test_input_of_all_sizes_arrives(self, transport):
        for size in (1, 100, 4095, 4096, 4097, 16_383, 16_384, 65_536, 300_000):
            data = b"0123456789\\ 'x' $y `z`\n" * (size // 22 + 1)
            assert transport.run("cat", stdin=data).stdout == data

    def test_a_script_need_not_read_its_input(self, transport):
        assert transport.run("exit 4", stdin=b"x" * 1_000_000).code == 4
        assert transport.run("exit 4", stdin=io.BytesIO(b"x" * 1_000_000)).code == 4

    def test_a_stream_is_read_from_where_it_stands(self, transport):
        stream = io.BytesIO(b"skipped\0rest\n")
        stream.seek(8)
        assert transport.run("cat", stdin=stream).stdout == b"rest\n"
        assert transport.run("cat", stdin=io.BytesIO()).stdout == b""

    def test_a_large_stream_arrives_whole(self, transport):
        done = transport.run("wc -c", stdin=Stream(20_000_000))
        assert done.stdout.strip() == b"20000000"

    @pytest.mark.parametrize("size", [10_000_000, 1_500_000])  # of which one may be on its way all at once
    def test_an_input_may_take_long_while_it_is_taken(self, transport, size):
        script = 'while [ $(head -c "$1" | wc -c) -gt 0 ]; do sleep 0.3; done'
        assert transport.run(script, str(size // 10), stdin=Stream(size), timeout=2).code == 0

    @pytest.mark.parametrize("script", ["sleep 1000", "cat >/dev/null; sleep 1000"])
    def test_a_script_that_takes_no_more_of_its_input_is_lost(self, transport, script):
        with pytest.raises(TransportLost, match=r"not done after 0\.2 s"):
            transport.run(script, stdin=Stream(5_000_000), timeout=0.2)

    def test_a_stream_that_fails_is_told_and_the_script_takes_no_part_for_the_whole(self, transport, place):
        with pytest.raises(ValueError, match="the disk is broken"):
            transport.run('cat >/dev/null; : >"$1"', str(place / "done"), stdin=BrokenStream())
        assert not (place / "done").exists()

    def test_large_outputs_of_any_bytes_arrive_apart(self, transport):
        script = "head -c 3000000 /dev/urandom | tee /dev/stderr | sha256sum"
        done = transport.run(f"{{ {script}; }} 3>&1")
        assert len(done.stderr) == 3_000_000
        assert done.stdout.split()[0].decode() == hashlib.sha256(done.stderr).hexdigest()

    def test_output_without_an_end_of_line_is_not_changed(self, transport):
        done = transport.run("printf 'a\\n\\nb'; printf '\\377\\n\\000' >&2")
        assert (done.stdout, done.stderr) == (b"a\n\nb", b"\xff\n\0")

    def test_many_threads_run_at_once(self, transport):
        with ThreadPoolExecutor(8) as pool:
            outputs = pool.map(lambda n: transport.run('echo "$1"', str(n)).stdout, range(24))
            assert list(outputs) == [b"%d\n" % n for n in range(24)]

    def test_scripts_run_beside_each_other(self, transport, place):
        """Each waits for the other."""
        with ThreadPoolExecutor(2) as pool:
            names = [str(place / "a"), str(place / "b")]
            transport.run('mkfifo "$@"', *names)
            first = pool.submit(transport.run, 'cat "$1"; echo to >"$2"', *names, timeout=PATIENCE)
            second = pool.submit(transport.run, 'echo from >"$1"; cat "$2"', *names, timeout=PATIENCE)
            assert (first.result().stdout, second.result().stdout) == (b"from\n", b"to\n")

    # --- read, size, write

    def test_what_was_written_is_read(self, transport, place):
        path = str(place / "a b'c")
        data = bytes(range(256))
        transport.write(path, data)
        assert transport.read(path) == data
        assert transport.read(path, 250) == data[250:]
        assert transport.read(path, 10, 5) == data[10:15]
        assert transport.read(path, 1000, 5) == b""
        assert transport.size(path) == 256

    @pytest.mark.parametrize("name", ["it's", 'a "b" $(c) `d`', "new\nline", "-n", "größe", "*", "back\\slash", " "])
    def test_files_of_all_names_are_reached(self, transport, place, inbox, name):
        path = str(place / name)
        transport.write(path, b"content")
        assert (place / name).read_bytes() == b"content"
        assert (transport.read(path), transport.size(path)) == (b"content", 7)
        transport.follow(path, 0, inbox.put)
        assert inbox.bytes(7) == b"content"

    def test_a_large_file_comes_back_as_it_went(self, transport, place):
        data = bytes(range(256)) * 20_000
        transport.write(str(place / "file"), data)
        assert transport.read(str(place / "file")) == data
        assert transport.read(str(place / "file"), 4_000_000, 1000) == data[4_000_000:4_001_000]

    def test_a_file_may_be_empty(self, transport, place):
        transport.write(str(place / "file"), b"")
        assert (transport.read(str(place / "file")), transport.size(str(place / "file"))) == (b"", 0)

    def test_a_directory_is_not_written_over(self, transport, place):
        with pytest.raises(CommandFailed, match=r"write .*: failed with 21: Is a directory"):
            transport.write(str(place), b"")
        assert list(place.iterdir()) == []

    def test_a_file_that_is_not_there_is_none(self, transport, place):
        assert transport.read(str(place / "no")) is None
        assert transport.size(str(place / "no" / "deeper")) is None

    def test_writing_replaces_the_whole_file_and_leaves_nothing_beside_it(self, transport, place):
        path = place / "file"
        transport.write(str(path), b"long old content")
        transport.write(str(path), b"new", mode=0o640)
        assert path.read_bytes() == b"new"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert [file.name for file in place.iterdir()] == ["file"]

    def test_a_file_is_private_unless_said_otherwise(self, transport, place):
        transport.write(str(place / "file"), b"")
        assert stat.S_IMODE((place / "file").stat().st_mode) == 0o600

    def test_a_failure_names_host_operation_and_reason(self, transport, place):
        with pytest.raises(
            CommandFailed, match=r"write .*/no/file: failed with 2: No such file or directory"
        ) as caught:
            transport.write(str(place / "no" / "file"), b"")
        assert caught.value.host == transport.host
        with pytest.raises(CommandFailed, match=r"read .*: Is a directory"):
            transport.read(str(place))

    @pytest.mark.parametrize("size", [None, 10])
    def test_what_is_no_file_is_not_read(self, transport, place, size):
        os.mkfifo(place / "pipe")  # of which one would wait for ever
        with pytest.raises(CommandFailed, match="pipe is no regular file"):
            transport.read(str(place / "pipe"), 0, size)
        with pytest.raises(CommandFailed, match="pipe is no regular file"):
            transport.size(str(place / "pipe"))

    # --- follow

    def test_a_follower_gets_what_is_there_and_what_is_appended(self, transport, place, inbox):
        path = place / "log"
        path.write_bytes(b"0123456789")
        transport.follow(str(path), 4, inbox.put)
        assert inbox.bytes(6) == b"456789"
        with path.open("ab", buffering=0) as file:
            for piece in (b"first", b"second"):
                file.write(piece)
                assert inbox.bytes(len(piece)) == piece

    def test_two_followers_of_one_file_are_independent(self, transport, place, inbox):
        path = place / "log"
        path.touch()
        others = Inbox()
        first = transport.follow(str(path), 0, inbox.put)
        transport.follow(str(path), 0, others.put)
        with path.open("ab", buffering=0) as file:
            file.write(b"both")
            assert (inbox.bytes(4), others.bytes(4)) == (b"both", b"both")
            first.close()
            first.close()
            file.write(b"one")
            assert others.bytes(3) == b"one"
        assert inbox.empty()

    def test_a_follower_gets_every_byte_of_a_busy_writer_once_and_in_order(self, transport, place, inbox):
        path = place / "log"
        path.touch()
        transport.follow(str(path), 0, inbox.put)
        lines = b"".join(b"%d\n" % n for n in range(50_000))
        with path.open("ab", buffering=0) as file:
            for begin in range(0, len(lines), 997):
                file.write(lines[begin : begin + 997])
        assert inbox.bytes(len(lines)) == lines

    def test_what_is_no_file_is_not_followed(self, transport, place, inbox):
        os.mkfifo(place / "pipe")
        with pytest.raises(CommandFailed, match="pipe is no regular file"):
            transport.follow(str(place / "pipe"), 0, inbox.put)

    def test_following_what_is_not_there_is_refused(self, transport, place, inbox):
        with pytest.raises(CommandFailed, match=r"follow .*/no: failed with 2: No such file"):
            transport.follow(str(place / "no"), 0, inbox.put)

    def test_a_callback_that_raises_silences_nobody(self, transport, place, inbox):
        path = place / "log"
        path.write_bytes(b"x")
        transport.follow(str(path), 0, lambda _: 1 / 0)
        transport.follow(str(path), 0, inbox.put)
        assert inbox.bytes(1) == b"x"

    # --- on_exit

    def test_the_end_of_a_process_is_told_once(self, transport, process, inbox):
        transport.on_exit(process.pid, process.start_time, lambda: inbox.put("gone"))
        assert inbox.empty()
        process.kill()
        assert inbox.take() == "gone"
        assert inbox.empty()

    def test_a_process_that_is_gone_is_told_too(self, transport, process, inbox):
        process.reap()
        transport.on_exit(process.pid, process.start_time, lambda: inbox.put("gone"))
        assert inbox.take() == "gone"

    def test_another_process_with_the_same_number_counts_as_gone(self, transport, process, inbox):
        transport.on_exit(process.pid, "1", lambda: inbox.put("gone"))
        assert inbox.take() == "gone"
        assert transport.run('kill -0 "$1"', str(process.pid)).code == 0

    def test_all_who_wait_for_the_end_of_a_process_are_told(self, transport, process, inbox):
        for name in ("first", "second"):
            transport.on_exit(process.pid, process.start_time, partial(inbox.put, name))
        process.kill()
        assert {inbox.take(), inbox.take()} == {"first", "second"}

    def test_callbacks_never_run_inside_the_call(self, transport, process, inbox):
        transport.on_exit(process.pid, "1", lambda: inbox.put(threading.get_ident()))
        assert inbox.take() != threading.get_ident()

    # --- close

    def test_after_closing_nothing_is_told_and_everything_is_refused(self, transport, place, process, inbox):
        path = place / "log"
        path.touch()
        following = transport.follow(str(path), 0, inbox.put)
        transport.on_exit(process.pid, process.start_time, lambda: inbox.put("gone"))
        transport.close()
        transport.close()
        process.kill()
        path.write_bytes(b"x")
        following.close()
        for call in (
            lambda: transport.run("true"),
            lambda: transport.read(str(path)),
            lambda: transport.follow(str(path), 0, inbox.put),
            lambda: transport.on_exit(1, "1", inbox.empty),
        ):
            with pytest.raises(TransportLost, match="closed"):
                call()
        assert inbox.empty()
