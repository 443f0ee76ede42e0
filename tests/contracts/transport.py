"""What every transport must do: a test class derives `TransportContract` and gives its fixtures."""

import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
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


class TransportContract:
    """`transport`: one that is open. `place`: a directory on its host which the test can also reach."""

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
        with subprocess.Popen(["sleep", "1000"]) as process:
            yield process
            process.kill()

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

    def test_many_threads_run_at_once(self, transport):
        with ThreadPoolExecutor(8) as pool:
            outputs = pool.map(lambda n: transport.run('echo "$1"', str(n)).stdout, range(24))
            assert list(outputs) == [b"%d\n" % n for n in range(24)]

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
        transport.on_exit(process.pid, start_time_of(process.pid), lambda: inbox.put("gone"))
        assert inbox.empty()
        process.kill()
        assert inbox.take() == "gone"
        assert inbox.empty()

    def test_a_process_that_is_gone_is_told_too(self, transport, process, inbox):
        start_time = start_time_of(process.pid)
        process.kill()
        process.wait()
        transport.on_exit(process.pid, start_time, lambda: inbox.put("gone"))
        assert inbox.take() == "gone"

    def test_another_process_with_the_same_number_counts_as_gone(self, transport, process, inbox):
        transport.on_exit(process.pid, "1", lambda: inbox.put("gone"))
        assert inbox.take() == "gone"
        assert process.poll() is None

    def test_callbacks_never_run_inside_the_call(self, transport, process, inbox):
        transport.on_exit(process.pid, "1", lambda: inbox.put(threading.get_ident()))
        assert inbox.take() != threading.get_ident()

    # --- close

    def test_after_closing_nothing_is_told_and_everything_is_refused(self, transport, place, process, inbox):
        path = place / "log"
        path.touch()
        following = transport.follow(str(path), 0, inbox.put)
        transport.on_exit(process.pid, start_time_of(process.pid), lambda: inbox.put("gone"))
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
