"""Commands as root, with a prelude, cut off, ended by another signal; what is asked first, forgotten, swept away."""

import os
import shlex
import shutil
from pathlib import Path

import pytest

from engine.rm.outcomes import Ended, NeverBegan
from engine.rm.transport import CommandFailed
from rms._script import TEXT
from rms.launch import Fenced, Launcher
from rms.local import LocalTransport
from rms.ssh import Address, connect
from tests.platform.fixtures import host, host_pool, hosts  # noqa: F401 - pytest finds them by name
from tests.rms.launching import SHELLS, Lab, use_shell

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def launcher(lab):
    return lab.launcher()


@pytest.fixture(params=SHELLS)
def any_shell(request, tmp_path, monkeypatch):
    use_shell(request.param, tmp_path / "shell", monkeypatch)


@pytest.fixture
def sudo(tmp_path, monkeypatch):
    """A sudo that notes what it is asked."""
    place = tmp_path / "sudo-bin"
    place.mkdir()
    options = 'while [ "${1#-}" != "$1" ]; do shift; done'
    (place / "sudo").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n{options}\nAS=root exec "$@"\n')
    (place / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return tmp_path / "asked"


def output(launcher, token, name="stdout"):
    return Path(launcher.path(token, name)).read_text()


def test_a_prelude_is_read_by_what_becomes_the_command(any_shell, lab, launcher):
    prelude = 'exec 2>&1; rm -f stderr; B="$A b"; export B; exec <"$INPUT"'
    (lab.place / "input").write_text("from a file\n")
    started = launcher.start(
        "a", 'echo "$B" >&2; cat; echo $$', env={"A": "a", "INPUT": f"{lab.place}/input"}, prelude=prelude
    )
    assert lab.end(launcher, "a") == Ended(0)
    assert output(launcher, "a") == f"a b\nfrom a file\n{started.pid}\n"
    assert not Path(launcher.path("a", "stderr")).exists()


def test_a_prelude_that_fails_is_an_end_with_its_words(any_shell, lab, launcher):
    launcher.start("a", "echo never", prelude="mkdir /proc/x || exit 9")
    assert lab.end(launcher, "a") == Ended(9)
    assert (output(launcher, "a"), "/proc/x" in output(launcher, "a", "stderr")) == ("", True)


def test_a_command_of_roots_runs_under_sudo_and_is_stopped(any_shell, lab, launcher, sudo):
    os.mkfifo(lab.place / "ready")
    launcher.start("a", f'echo "$AS $A" >{lab.place}/ready; exec sleep 1000', env={"A": "s3cret"}, as_root=True)
    assert (lab.place / "ready").read_text() == "root s3cret\n"
    assert launcher.stop("a") == Ended(143)
    assert "s3cret" not in sudo.read_text()
    assert sudo.read_text().splitlines()[0].startswith("-n -E ")


def test_another_signal_asks_it_to_end(any_shell, lab, launcher):
    os.mkfifo(lab.place / "ready")
    launcher.start("a", f"trap 'echo saved; exit 5' INT; echo >{lab.place}/ready; while :; do sleep 0.01; done")
    (lab.place / "ready").read_text()
    assert launcher.stop("a", name="INT") == Ended(5)
    assert output(launcher, "a") == "saved\n"
    with pytest.raises(ValueError, match="signal 'NONE'"):
        launcher.stop("a", name="NONE")


def test_the_age_of_a_command_counts_from_its_beginning(any_shell, lab, launcher):
    assert launcher.age("void") == 0
    launcher.start("a", "exec sleep 1000")
    started = launcher.age("a")
    assert 0 <= started < 5
    assert launcher.age("a") >= started
    assert started - 1 <= lab.launcher(2).age("a") < started + 60
    lab.launcher(2).stop("a")


def test_the_age_of_a_command_is_right_where_the_uptime_is_not_the_machine_s(host, host_pool):  # noqa: F811
    """As in a container: start times are the machine's."""
    host.run("echo '100.00 50.00' >/tmp/uptime; mount --bind /tmp/uptime /proc/uptime")
    transport = connect(Address(host.name, config=str(host_pool.ssh_config)))
    try:
        Launcher(transport, "/root/run", 1).start("a", "exec sleep 1000")
        assert 0 <= Launcher(transport, "/root/run", 2).age("a") < 60
        Launcher(transport, "/root/run", 2).stop("a")
    finally:
        transport.close()
        host.run("umount /proc/uptime")


def test_an_attempt_is_forgotten_once_it_has_ended(any_shell, lab, launcher):
    launcher.start("a", "exec sleep 1000")
    with pytest.raises(CommandFailed, match="since it runs"):
        launcher.discard("a")
    launcher.stop("a")
    launcher.discard("a")
    launcher.discard("a")
    assert not Path(lab.base, "a").exists()
    assert launcher.probe("a") == NeverBegan()


def test_other_runs_are_swept_away_unless_they_run(any_shell, tmp_path):
    root = tmp_path / "it's all"
    labs = {}
    for name in ("ours", "old", "running", "waiting"):
        labs[name] = Lab(root / "exp" / "node")
        labs[name].base = str(root / "exp" / "node" / name)
        labs[name].launcher().open()
    (root / "exp" / "node" / "notes").mkdir()
    runner = labs["running"].launcher()
    runner.start("a", "exec sleep 1000")
    for name in ("old", "running"):
        labs[name].launcher().release()
    ours = labs["ours"].launcher(2)
    assert ours.sweep(str(root / "exp"), 2) == [labs["running"].base, labs["waiting"].base]
    assert {path.name for path in (root / "exp" / "node").iterdir()} == {"ours", "running", "waiting", "notes"}
    runner.stop("a")
    waiting = labs["waiting"].launcher()
    waiting.release()
    labs["waiting"].launcher().open()  # it goes on
    assert ours.sweep(str(root), 3) == [labs["waiting"].base]
    waiting.release()
    assert ours.sweep(str(root), 3) == []
    assert {path.name for path in (root / "exp" / "node").iterdir()} == {"ours", "notes"}
    for lab in labs.values():
        lab.close()


@pytest.fixture
def claimed(tmp_path):
    """Runs that look as if somebody had claimed an attempt of theirs: `claimed(name, the claim after its epoch)`."""
    labs = []

    def make(name, claim):
        labs.append(Lab(tmp_path / "home"))
        labs[-1].base = f"{tmp_path}/home/{name}"
        labs[-1].launcher().release()
        attempt = Path(labs[-1].base, "a")
        attempt.mkdir()
        (attempt / "claim").symlink_to(f"00000001 {claim}")
        return labs[-1]

    yield make
    for lab in labs:
        shutil.rmtree(lab.base, ignore_errors=True)
        lab.close()


def test_what_another_host_may_be_running_is_not_swept_away(any_shell, lab, claimed):
    """Several hosts may have one home."""
    here = os.uname().nodename
    ended = claimed("ended-elsewhere", "99 1234 its-boot elsewhere")
    Path(ended.base, "a", "exit").symlink_to("end 3")
    claimed("before-a-reboot", f"99 1234 earlier-boot {here}")
    claimed("of-an-older-version", "99 1234 earlier-boot")
    left = claimed("elsewhere", "99 1234 its-boot elsewhere")
    home = Path(left.base).parent
    assert lab.launcher().sweep(str(home), 1) == [left.base]
    assert list(home.iterdir()) == [Path(left.base)]
    with pytest.raises(CommandFailed, match="something of it runs: a on elsewhere; stop it first"):
        left.launcher().remove()


def test_a_claim_says_whose_it_is(any_shell, lab, launcher):
    launcher.start("a", "exec sleep 1000")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert lab.marks("a")["claim"].split()[3:] == [boot, os.uname().nodename]


CUTS = {
    "in the prelude": (b"", "standard input ended early"),
    "in the command": (b"export A=1\necho ran >>", "standard input ended early"),
    "before the input": (b"export A=1\necho ran\n", "ended after 0 of 4 bytes"),
    "in the input": (b"export A=1\necho ran\n\0in", "ended after 3 of 4 bytes"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_what_has_arrived_in_part_does_not_begin_and_can_be_sent_again(any_shell, lab, launcher, cut):
    """A connection that breaks looks like the end of the input to the host."""
    sent, complaint = CUTS[cut]
    with pytest.raises(CommandFailed, match=complaint):
        launcher._script.call("start", "a", "1", "1", "4", "user", stdin=sent)
    assert list(Path(lab.base, "a").glob("*/stdin")) == []
    assert lab.journal() == []
    launcher.start("a", lab.counted("cat"), env={"A": "1"}, stdin=b"\0in\n")
    assert lab.end(launcher, "a") == Ended(0)
    assert (lab.runs(), Path(launcher.path("a", "stdout")).read_bytes()) == (1, b"\0in\n")


def test_the_host_keeps_the_script_as_it_is(any_shell, lab, launcher):
    launcher.open()
    (kept,) = Path(lab.base).glob(".launch-*.sh")
    assert kept.read_text("utf-8").removesuffix("\n") == TEXT


def test_a_directory_that_is_wanted_is_there_when_the_command_begins(any_shell, lab, launcher, tmp_path):
    wanted = tmp_path / "some" / "where's it"
    launcher.start("a", f"[ -d {shlex.quote(str(wanted))} ]", directory=str(wanted))
    assert lab.end(launcher, "a") == Ended(0)


def test_the_output_can_be_followed_as_soon_as_it_is_started(any_shell, launcher):
    launcher.start("a", "exec sleep 1000")
    assert Path(launcher.path("a", "stdout")).read_bytes() == Path(launcher.path("a", "stderr")).read_bytes() == b""


def test_a_first_contact_asks_and_opens_in_one_round_trip(any_shell, lab, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    transport = LocalTransport()
    launcher, said = Launcher.contact(transport, "~/run", 1, 'echo "its $1"; base=/nowhere', "word")
    assert said == b"its word"
    assert launcher.path("a", "x") == f"{lab.base}/a/run/x"
    launcher.start("a", lab.counted())
    assert lab.end(launcher, "a") == Ended(0)
    transport.close()


def test_a_script_that_was_cut_short_is_put_there_again(lab):
    """Who makes the directory is killed while it writes the script there."""
    lab.launcher().open()
    (whole,) = Path(lab.base).glob(".launch-*.whole")
    whole.unlink()
    whole.with_suffix("").write_text("echo half of it; exi")
    lab.launcher(2).start("a", lab.counted())
    assert lab.end(lab.launcher(2), "a") == Ended(0)
    assert whole.exists()


def test_a_first_contact_whose_question_fails_opens_nothing(any_shell, lab, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CommandFailed, match="no idea"):
        Launcher.contact(LocalTransport(), "~/run", 1, "echo no idea >&2; exit 3")
    assert not Path(lab.base).exists()


def test_a_first_contact_of_a_controller_that_was_replaced_is_refused(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    lab.launcher(2).open()
    with pytest.raises(Fenced) as refused:
        Launcher.contact(LocalTransport(), "~/run", 1, "echo fenced 7")
    assert (refused.value.mine, refused.value.theirs) == (1, 2)


def test_a_large_environment_arrives_whole_and_changes_nothing_of_ours(any_shell, lab, launcher):
    env = {"LARGE": "x" * 100_000, "prelude": "p", "text": "t", "spec": "s", "script": "/nowhere"}
    launcher.start("a", "echo ${#LARGE} $prelude $text $spec $script", env=env)
    assert lab.end(launcher, "a") == Ended(0)
    assert Path(launcher.path("a", "stdout")).read_text() == "100000 p t s /nowhere\n"
