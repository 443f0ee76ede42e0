"""Frames, given to real shells without any SSH: what a broken connection leaves of one does nothing."""

import shlex
import shutil
import subprocess

import pytest

from rms import _script
from rms.ssh.session import _READER, Frame, _read_frame
from tests.rms.launching import use_shell

pytestmark = pytest.mark.slow

SHELLS = [["dash"], ["bash"], ["busybox", "sh"], ["ksh"], ["mksh"], ["yash"]]


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request):
    if shutil.which(request.param[0]) is None:
        pytest.skip(f"{request.param[0]} is not installed")
    return request.param


def run(command, text):
    """What a shell writes that is fed."""
    return subprocess.run(command, input=text, capture_output=True, check=False, timeout=20)


def reader(shell):
    """The command of a session that takes one frame, with this shell in the place of /bin/sh."""
    words = shlex.split(_READER.removeprefix("exec /bin/sh "))
    return [*shell, *words]


def test_a_shell_that_stays_runs_one_frame_after_the_other(shell):
    script, text = b"echo out $1; echo err >&2; cat; exit 3", b"input\n"
    frames = [Frame(script, [f"a {n}'\n"], text, light=n != 1) for n in range(3)]
    done = run(shell, b"".join(frame.encode() for frame in frames))
    for n, frame in enumerate(frames):
        frame.feed(done.stdout, done.stderr)
        assert frame.result().code == 3
        assert frame.result().stdout.decode() == f"out a {n}'\ninput\n"
        assert frame.result().stderr == b"err\n"
        assert frame.group > 1


def test_what_is_written_before_a_frame_is_not_of_it(shell):
    frame = Frame(b"printf out", [], b"")
    done = run(shell, b"echo noise; echo noise >&2\n" + frame.encode())
    frame.feed(done.stdout, done.stderr)
    assert (frame.result().stdout, frame.result().stderr) == (b"out", b"")


def test_output_may_come_in_any_pieces(shell):
    frame = Frame(b"printf 'a\\nb'; printf c >&2", [], b"")
    done = run(shell, frame.encode())
    for n in range(max(len(done.stdout), len(done.stderr))):
        assert frame.result() is None
        frame.feed(done.stdout[n : n + 1], done.stderr[n : n + 1])
    assert (frame.result().stdout, frame.result().stderr, frame.result().code) == (b"a\nb", b"c", 0)


@pytest.mark.parametrize("light", [False, True])
def test_a_part_of_a_frame_does_nothing(shell, tmp_path, light):
    # ksh 93 does not return from an end of its input between two here-documents.
    text = b"" if shell == ["ksh"] and not light else b"some input\n"
    frame = Frame(b": >ran; touch ran\n: done\n", [], text, light=light)
    text = frame.encode().replace(b"cd /", b"cd '%b'" % bytes(tmp_path))
    end = text.rindex(b"}")
    for cut in range(0, end, 5):
        run(shell, text[:cut])
        assert not (tmp_path / "ran").exists(), text[:cut]
    run(shell, text)
    assert (tmp_path / "ran").exists()


def test_a_part_of_a_frame_that_has_the_input_for_itself_does_nothing(shell, tmp_path):
    frame = Frame(b": >ran; touch ran\n: done\n", [])
    text = _read_frame(frame.encode().replace(b"cd /", b"cd '%b'" % bytes(tmp_path)))
    for cut in range(0, len(text), 5):
        run(reader(shell), text[:cut])
        assert not (tmp_path / "ran").exists(), text[:cut]
    run(reader(shell), text)
    assert (tmp_path / "ran").exists()


def test_the_rest_of_the_input_is_the_script_s(shell):
    frame = Frame(b"cat", [])
    data = b"\0\1\nx\\" * 1000
    done = run(reader(shell), _read_frame(frame.encode()) + data)
    frame.feed(done.stdout, done.stderr)
    assert frame.result().stdout == data


def test_what_a_shell_stays_with_is_known_by_its_own_number(shell, tmp_path, monkeypatch):
    """In the subshell of a light frame `$$` is the number of the shell that is fed."""
    use_shell(shell[0], tmp_path / "shell", monkeypatch)
    base, name, command = str(tmp_path / "run"), ".launch-x.sh", b"echo $PPID; exec readlink ../claim\n"
    opening = Frame(_script._OPEN.encode(), [base, "00000001", name, _script.TEXT], b"", light=True)
    args = ("attend", base, "00000001", "a", "0", "1", "nothing", "user", "")
    attending = Frame(_script._CALL.encode(), [f"{base}/{name}", *args], command, light=True)
    probing = Frame(_script._CALL.encode(), [f"{base}/{name}", "probe", base, "00000001", "-", "a"], b"", light=True)
    done = run(["sh"], opening.encode() + attending.encode() + probing.encode())
    for frame in (attending, probing):
        frame.feed(done.stdout, done.stderr)
    assert attending.result().stdout.endswith(b"\nend 0\n"), attending.result()
    assert b"\nend 0\n" in probing.result().stdout, probing.result()
    parent, claim = (tmp_path / "run/a/run/stdout").read_text().splitlines()
    assert claim.split()[1] == parent


@pytest.mark.parametrize("text", [b"a\0b", b"\0"])
def test_nul_is_refused(text):
    with pytest.raises(ValueError, match="NUL"):
        Frame(text, [])
