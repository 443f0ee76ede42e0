import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed
from rms.launch import Fenced, Launcher, Started
from rms.local import LocalTransport
from tests.contracts.transport import PATIENCE, Inbox, start_time_of
from tests.rms.launching import SHELLS, TRANSPORTS, Lab, use_shell

pytestmark = pytest.mark.slow


@pytest.fixture(params=TRANSPORTS)
def lab(request, tmp_path):
    lab = Lab(tmp_path, request.param)
    yield lab
    lab.close()


@pytest.fixture
def launcher(lab):
    return lab.launcher()


@pytest.fixture
def ready(tmp_path):
    """A pipe into which a command writes when it is ready; reading waits for that."""
    os.mkfifo(tmp_path / "ready")
    return tmp_path / "ready"


def output(launcher, token, name="stdout"):
    return Path(launcher.path(token, name)).read_text()


def run(lab, launcher, command, token="a", **how):
    launcher.start(token, command, **how)
    end = lab.end(launcher, token)
    return end, output(launcher, token), output(launcher, token, "stderr")


# --- What a command gets, in every shell that a host may have.


@pytest.fixture(params=SHELLS)
def any_shell(request, tmp_path, monkeypatch):
    use_shell(request.param, tmp_path / "shell", monkeypatch)
    return request.param


NASTY = {
    "QUOTES": 'it\'s "quoted" `id` $(id) ${HOME} \\ \\n !',
    "SEVERAL": "\n two\nlines\n\n",
    "TEXT": "größe ☃ 日本",
    "EMPTY": "",
    "token": "x",
    "base": "/nowhere",
    "PATH": "/nowhere",
}


def test_a_command_gets_input_and_environment_and_leaves_output_and_status(any_shell, lab, launcher):
    end, stdout, stderr = run(
        lab, launcher, "/bin/cat - /proc/self/environ; /bin/cat /oops; exit 7", env=NASTY, stdin=b"in\n"
    )
    assert end == Ended(7)
    assert stderr == "/bin/cat: /oops: No such file or directory\n"
    assert stdout.startswith("in\n")
    variables = dict(each.split("=", 1) for each in stdout[3:].split("\0") if each)
    assert NASTY.items() <= variables.items()


def test_a_command_arrives_as_typed(any_shell, lab, launcher):
    typed = "'\"'\"' $HOME `id` $(id) \\ \\n \\\\ ! # größe \t END\nEOF"
    end, stdout, _ = run(lab, launcher, f"cat <<'X Y'\n{typed}\n\n  {typed}\nX Y\n")
    assert (end, stdout) == (Ended(0), f"{typed}\n\n  {typed}\n")


def test_a_command_has_default_signals_a_session_of_its_own_and_nothing_of_ours(any_shell, lab, launcher):
    command = "ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status; read -r stat </proc/$$/stat; echo $$ $stat"
    started = launcher.start("a", f"{command}; umask; pwd")
    assert lab.end(launcher, "a") == Ended(0)
    files, ignored, stat, umask, directory = output(launcher, "a").splitlines()
    assert int(files) == 4  # the fourth is the directory that ls reads
    assert signals_in(ignored) == 0
    pid, fields = stat.split()[0], stat.rpartition(") ")[2].split()
    assert fields[2:4] == [pid, pid]  # its group and its session
    assert (int(pid), fields[19]) == (started.pid, started.start_time)
    assert int(umask, 8) == current_umask()
    assert directory == str(Path(launcher.path("a", ".")))


def test_a_command_whose_controller_ignores_signals_does_not(any_shell, lab, launcher):
    """As a controller under nohup does, and one that was started in the background by a shell."""
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        end, stdout, _ = run(lab, launcher, "grep SigIgn /proc/self/status")
    finally:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)
    assert (end, signals_in(stdout)) == (Ended(0), 0)


def test_the_end_by_a_signal_is_128_and_its_number(any_shell, lab, launcher):
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        launcher.start(number.name, f"kill -{number.value} $$")
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        assert lab.end(launcher, number.name) == Ended(128 + number)


def test_stopping_ends_the_whole_group(any_shell, lab, launcher, ready):
    launcher.start("a", f"trap '' TERM; sleep 1000 & echo >{ready}; sleep 1000")
    ready.read_text()
    assert launcher.stop("a", grace=0.05) == Ended(137)
    assert launcher.stop("a") == launcher.stop("a") == Ended(137)
    assert members(lab, "a") == []


# Says who it is, and ends its first thread while another one goes on: there is no function of Python's for that.
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, os, signal, sys, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=threading.Event().wait).start()
open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


def test_stopping_ends_what_goes_on_without_its_first_thread(any_shell, lab, launcher, ready, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(WITHOUT_ITS_FIRST_THREAD)
    launcher.start("a", f"{sys.executable} {program} {ready} & sleep 1000")
    process = Path("/proc", ready.read_text().strip())
    while (process / "stat").read_text().rpartition(") ")[2][0] != "Z":
        os.sched_yield()
    assert isinstance(launcher.stop("a", grace=0.05), Ended)
    assert not process.exists() or len(list((process / "task").iterdir())) == 1


def test_six_launchers_start_an_attempt_once(any_shell, lab):
    launchers = [lab.launcher() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        started = set(pool.map(lambda each: each.start("a", lab.counted()), launchers))
    assert len(started) == 1
    assert lab.end(launchers[0], "a") == Ended(0)
    assert lab.runs() == 1
    assert [line.split()[0] for line in lab.journal()] == ["start", "end"]


def signals_in(line: str) -> int:
    """Without 32 and 33, which are the C library's own: ksh ignores those."""
    return int(line.split()[1], 16) & ~(0b11 << 31)


def current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def members(lab, token) -> list[int]:
    """The living processes of the command's group."""
    group = lab.marks(token)["started"].split()[0]
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[2] == group and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


# --- Starting.


def test_a_started_command_is_who_it_says_it_is(lab, launcher):
    started = launcher.start("a", "exec sleep 1000")
    assert started == Started(
        started.pid, start_time_of(started.pid), Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    )
    assert launcher.probe("a") == Alive()


def test_a_process_is_known_whatever_its_name(any_shell, lab, launcher, ready):
    """The kernel gives the name of a program as it is, in the middle of the line that tells who it is."""
    name = "x) Z 1\n2 (y"
    launcher.start("a", f"cp {shutil.which('sleep')} '{name}'; echo >{ready}; exec './{name}' 1000")
    ready.read_text()
    assert launcher.probe("a") == Alive()
    assert launcher.stop("a") == Ended(143)


def test_a_second_start_does_nothing_but_say_who_it_is(lab, launcher):
    first = launcher.start("a", lab.counted("exec sleep 1000"))
    assert launcher.start("a", lab.counted("echo other")) == first
    launcher.stop("a")
    assert launcher.start("a", lab.counted()) == first
    assert lab.runs() == 1


def test_a_command_that_does_not_exist_ends_with_127_and_the_message_of_the_shell(lab, launcher):
    end, _, stderr = run(lab, launcher, "no-such-command --now")
    assert end == Ended(127)
    assert "no-such-command" in stderr


def test_without_input_a_command_reads_nothing(lab, launcher):
    assert run(lab, launcher, "cat; echo done")[:2] == (Ended(0), "done\n")


def test_binary_input_arrives_byte_for_byte(lab, launcher):
    data = bytes(range(256)) * 300
    launcher.start("a", "cat", stdin=data)
    assert lab.end(launcher, "a") == Ended(0)
    assert Path(launcher.path("a", "stdout")).read_bytes() == data


def test_the_environment_is_in_no_file_and_no_arguments_once_the_command_runs(lab, launcher):
    launcher.start("a", "exec sleep 1000", env={"SECRET": "tops3cret"})
    files = [path for path in Path(lab.base).rglob("*") if path.is_file()]
    assert [path for path in files if b"tops3cret" in path.read_bytes()] == []
    for pid in (lab.supervisor("a"), *members(lab, "a")):
        with suppress(FileNotFoundError, ProcessLookupError):  # a subshell on the way to the command has ended
            assert b"tops3cret" not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("token", ["", ".", "..", "a/b", "a b", "epochs", "journal", ".launch", "x" * 101, "é", "a\n"])
def test_a_token_that_cannot_be_a_name_is_refused(lab, launcher, token):
    with pytest.raises(ValueError, match=r"token .* must be"):
        launcher.start(token, "true")


@pytest.mark.parametrize(
    ("command", "env", "message"),
    [
        ("a\0b", {}, "command: has a NUL"),
        ("true", {"A": "a\0b"}, "A: has a NUL"),
        ("true", {"A=B": "x"}, "environment variable 'A=B'"),
        ("true", {"1A": "x"}, "environment variable '1A'"),
    ],
)
def test_what_no_shell_can_be_given_is_refused(lab, launcher, command, env, message):
    with pytest.raises(ValueError, match=message):
        launcher.start("a", command, env=env)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../claim", "a/../../x"])
def test_a_path_stays_in_the_directory_of_the_command(lab, launcher, name):
    with pytest.raises(ValueError, match="must be a relative path"):
        launcher.path("a", name)


def test_a_path_is_below_the_base(lab, launcher):
    assert launcher.path("a", "data/x.pcap") == f"{lab.base}/a/run/data/x.pcap"


# --- The directory of a run.


@pytest.mark.parametrize("base", ["", "relative", "/", "/a/../b"])
def test_a_base_that_cannot_be_is_refused(base):
    with pytest.raises(ValueError, match=r"base .* must be an absolute path"):
        Launcher(LocalTransport(), base, 1)


@pytest.mark.parametrize("epoch", [0, -1, 10**8])
def test_an_epoch_that_cannot_be_is_refused(epoch):
    with pytest.raises(ValueError, match=r"epoch .* must be from 1"):
        Launcher(LocalTransport(), "/base", epoch)


def test_the_base_is_private_and_so_are_its_new_parents(lab, tmp_path):
    lab.base = str(tmp_path / "parent" / "run")
    lab.launcher().probe("a")
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "parent", Path(lab.base))] == [0o700, 0o700]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda base: base.chmod(0o750), "has type and mode drwxr-x---.*0700"),
        (lambda base: (base / "diary").touch(), "files in it that are not of a run"),
        (lambda base: (base.rmdir(), base.symlink_to("/tmp")), "has type and mode l"),
        (lambda base: (base.rmdir(), base.touch()), "failed with"),
        (lambda base: os.chown(base, 65534, 65534), "belongs to user 65534"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_base_that_is_not_ours_alone_is_refused_and_left_as_it_is(tmp_path, spoil, message):
    base = tmp_path / "base"
    base.mkdir(mode=0o700)
    spoil(base)
    transport = LocalTransport()
    with pytest.raises(CommandFailed, match=message):
        Launcher(transport, str(base), 1).start("a", "true")
    with pytest.raises(CommandFailed, match=message):
        Launcher(transport, str(base), 1).remove()
    assert os.path.lexists(base)
    transport.close()


def test_removing_is_refused_while_something_runs(lab, launcher):
    launcher.start("a", "exec sleep 1000")
    launcher.start("b", "true")
    lab.end(launcher, "b")
    with pytest.raises(CommandFailed, match="something of it runs: a; stop it first"):
        launcher.remove()
    assert launcher.probe("a") == Alive()


def test_a_removed_run_is_gone_and_its_launcher_can_begin_another(lab, launcher):
    run(lab, launcher, "true")
    launcher.remove()
    assert not Path(lab.base).exists()
    launcher.start("a", lab.counted())
    assert lab.end(launcher, "a") == Ended(0)


# --- Finding again.


CONTROLLER = """
import sys
from rms.launch import Launcher
from rms.local import LocalTransport
print(Launcher(LocalTransport(), sys.argv[1], 1).start("a", sys.argv[2]).pid, flush=True)
sys.stdin.read()
"""


def test_a_command_survives_its_controller_and_is_found_again(lab, tmp_path):
    os.mkfifo(tmp_path / "go")
    command = lab.counted(f"read -r line <{tmp_path}/go; echo $line; exit 5")
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, lab.base, command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as controller:
        pid = int(controller.stdout.readline())
        controller.kill()
    launcher = lab.launcher(2)
    assert launcher.probe("a") == Alive()
    assert launcher.start("a", command).pid == pid
    inbox = Inbox()
    launcher.watch("a", inbox.put)
    (tmp_path / "go").write_text("on\n")
    assert inbox.take() == Ended(5)
    assert output(launcher, "a") == "on\n"
    assert lab.runs() == 1


def test_an_attempt_that_nobody_claimed_never_began_and_never_will(lab, launcher):
    assert launcher.probe("a") == NeverBegan()
    with pytest.raises(CommandFailed, match=r"start of a: .* it is void, and never began: use a new token"):
        launcher.start("a", lab.counted())
    assert isinstance(lab.end(launcher, "a"), Gone)
    assert lab.runs() == 0
    assert lab.journal() == ["end a void"]


def test_a_command_whose_supervisor_was_killed_is_alive_until_it_ends_and_then_gone(lab, launcher):
    inbox = Inbox()
    started = launcher.start("a", "exec sleep 1000")
    launcher.watch("a", inbox.put)
    lab.kill_supervisor("a")
    assert launcher.probe("a") == Alive()
    assert inbox.empty()
    assert launcher.signal("a", "KILL")
    assert inbox.take() == launcher.probe("a")
    assert isinstance(launcher.probe("a"), Gone)
    assert "supervisor was killed" in launcher.probe("a").why
    assert launcher.start("a", "true") == started


def test_after_a_reboot_what_has_no_exit_status_is_gone(lab, launcher):
    launcher.start("a", "exec sleep 1000")
    lab.reboot("a")
    outcome = launcher.probe("a")
    assert isinstance(outcome, Gone)
    assert "rebooted" in outcome.why
    assert not launcher.signal("a", "KILL")
    assert lab.end(lab.launcher(), "a") == outcome
    lab.reboot("a")


def test_after_a_reboot_what_has_an_exit_status_keeps_it(lab, launcher):
    run(lab, launcher, "exit 3")
    lab.reboot("a")
    assert launcher.probe("a") == Ended(3)


# --- Watching.


def test_an_end_is_told_once_to_each_who_asked_also_if_it_was_long_ago(lab, launcher):
    inbox = Inbox()
    launcher.start("a", "exit 4")
    launcher.watch("a", inbox.put)
    launcher.watch("a", inbox.put)
    assert [inbox.take(), inbox.take()] == [Ended(4), Ended(4)]
    launcher.watch("a", inbox.put)
    assert inbox.take() == Ended(4)
    assert lab.end(lab.launcher(2), "a") == Ended(4)
    assert inbox.empty()


class CountedTransport(LocalTransport):
    """Counts the calls that ask the host something."""

    asked = 0

    def run(self, *args, **kwargs):
        self.asked += 1
        return super().run(*args, **kwargs)

    def read(self, *args, **kwargs):
        self.asked += 1
        return super().read(*args, **kwargs)


def test_an_end_is_pushed_and_nobody_asks_for_it(lab, tmp_path):
    os.mkfifo(tmp_path / "go")
    transport = CountedTransport()
    launcher = Launcher(transport, lab.base, 1)
    inbox = Inbox()
    for token in "abc":
        launcher.start(token, f"read -r line <{tmp_path}/go")
        launcher.watch(token, inbox.put)
    asked = transport.asked
    assert asked == 1 + 3  # to open the directory, and to start
    go = os.open(tmp_path / "go", os.O_RDWR)  # stays open: one of them may not have come to it yet
    os.write(go, b"\n\n\n")
    assert [inbox.take() for _ in "abc"] == [Ended(0)] * 3
    os.close(go)
    assert transport.asked == asked
    transport.close()


def test_garbage_in_the_journal_silences_nobody(lab, launcher):
    """A full disk may leave half a line, and the next one is appended to it."""
    launcher.probe("z")
    with Path(lab.base, "journal").open("a") as journal:
        journal.write("\n\nend a 0 extra\nend a\nfoo\nend a 1")
    assert run(lab, launcher, "exit 3")[0] == Ended(3)


def test_a_closed_launcher_tells_nothing(lab, launcher):
    inbox = Inbox()
    launcher.start("a", "exec sleep 1000")
    launcher.watch("a", inbox.put)
    launcher.close()
    assert lab.launcher().stop("a") == Ended(143)
    assert inbox.empty()


def test_a_callback_that_raises_silences_nobody(lab, launcher):
    inbox = Inbox()
    launcher.start("a", "exec sleep 1000")
    launcher.watch("a", lambda _: 1 / 0)
    launcher.watch("a", inbox.put)
    assert launcher.stop("a") == inbox.take() == Ended(143)


# --- Signals and stopping.


def test_a_signal_reaches_the_group_and_only_while_it_lives(lab, launcher, ready):
    launcher.start("a", f"trap 'echo got; exit 9' USR1; echo >{ready}; while :; do sleep 1000; done")
    ready.read_text()
    assert launcher.signal("a", "USR1")
    assert lab.end(launcher, "a") == Ended(9)
    assert output(launcher, "a") == "got\n"
    assert not launcher.signal("a", "USR1")
    assert not launcher.signal("b", "TERM")


def test_a_signal_does_not_reach_another_process_that_got_the_number(lab, launcher):
    started = launcher.start("a", "exec sleep 1000")
    true_mark = lab.marks("a")["started"]
    lab.remark("a", "started", f"{started.pid} {int(started.start_time) - 1}")
    assert not launcher.signal("a", "KILL")
    ends = Inbox()
    thread = threading.Thread(target=lambda: ends.put(launcher.stop("a", grace=0)), daemon=True)
    thread.start()
    lab.launcher()._script.call("stop", "a", "KILL")
    assert members(lab, "a") == [started.pid]
    lab.remark("a", "started", true_mark)
    lab.launcher()._script.call("stop", "a", "KILL")
    assert ends.take() == Ended(137)
    thread.join(PATIENCE)


def test_a_signal_that_is_none_is_refused(lab, launcher):
    with pytest.raises(ValueError, match="signal 'SIGTERM': must be one of"):
        launcher.signal("a", "SIGTERM")


def test_stopping_leaves_time_to_those_whom_a_dead_shell_has_left_behind(any_shell, lab, launcher, ready):
    """A capture in a script must write what it has, although its shell dies of TERM at once."""
    child = f"trap 'sleep 0.2; echo saved; exit' TERM; echo >{ready}; while :; do sleep 0.05; done"
    launcher.start("a", f'sh -c "{child}"; true')
    ready.read_text()
    assert launcher.stop("a") == Ended(143)
    assert output(launcher, "a") == "saved\n"
    assert members(lab, "a") == []


def test_stopping_kills_those_left_behind_after_the_grace(lab, launcher, ready):
    launcher.start("a", f"sh -c \"trap '' TERM; echo >{ready}; exec sleep 1000\"; true")
    ready.read_text()
    assert launcher.stop("a", grace=0.1) == Ended(143)
    assert members(lab, "a") == []


def test_stopping_what_has_not_begun_keeps_it_from_beginning(lab, launcher):
    assert isinstance(launcher.stop("a"), Gone)
    with pytest.raises(CommandFailed):
        launcher.start("a", lab.counted())
    assert lab.runs() == 0


def test_stopping_a_command_whose_supervisor_was_killed(lab, launcher):
    launcher.start("a", "exec sleep 1000")
    lab.kill_supervisor("a")
    assert isinstance(launcher.stop("a"), Gone)
    assert members(lab, "a") == []


# --- Fencing.


def test_a_fenced_launcher_can_do_nothing_any_more(lab, launcher):
    launcher.start("a", "exec sleep 1000")
    assert lab.launcher(7).probe("a") == Alive()
    for call in (
        lambda: launcher.start("b", lab.counted()),
        lambda: launcher.probe("a"),
        lambda: launcher.signal("a"),
        lambda: launcher.stop("a"),
        launcher.remove,
        lambda: lab.launcher(3).start("b", lab.counted()),
    ):
        with pytest.raises(Fenced, match=r"of epoch [13] was refused, since one of epoch 7 has taken over"):
            call()
    assert lab.runs() == 0
    assert lab.launcher(7).probe("a") == Alive()
