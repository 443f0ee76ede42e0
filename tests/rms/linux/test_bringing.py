"""What an application needs is on its host before it starts: files, sources, packages, a build."""

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

import replay
from engine import BadAttribute, ExperimentController, ResourceState, TraceAttr
from rms.linux import node as node_module
from rms.linux._archive import packed
from rms.linux._bringing import file_name, local_file, packages, paths
from tests.rms.launching import SHELLS, use_shell

pytestmark = pytest.mark.slow

PATIENCE = 20
STOPPED, FAILED = ResourceState.STOPPED, ResourceState.FAILED


@pytest.fixture
def shared(one):
    """What all experiments share on this machine."""
    return one.local_dir / ".host"


def run(one, command=None, **attributes):
    given = {} if command is None else {"command": command}
    app = one.register_resource("linux::Application", connectedTo=1, **given, **attributes)
    one.deploy(None if one.state(1) is ResourceState.NEW else app)
    one.wait_finished(app, timeout=PATIENCE)
    return app


def error_of(one, app):
    return replay.state(one.run_dir).resources[app].error["message"]


# --- the forms that NEPI takes


def test_lists_are_given_as_such_or_as_nepi_has_them():
    assert paths("a; b c ;;d") == paths(["a", "b c", "d"]) == ["a", "b c", "d"]
    assert packages(" pv  nc ") == packages(["pv", "nc"]) == ["pv", "nc"]


def test_what_a_file_is_called_on_the_host():
    names = ["/a/b c", "dir/", "http://h/x/y%20z.tgz?q=1", "https://h/%2e%2e%2fetc", "http://h/", ".."]
    assert [file_name(name) for name in names] == ["b c", "dir", "y z.tgz", "etc", "", ""]


def test_a_text_that_names_a_file_is_that_file(tmp_path):
    (tmp_path / "code").write_text("x")
    assert local_file(str(tmp_path / "code")) == tmp_path / "code"
    for text in (str(tmp_path), "no such file", f"{tmp_path}/code\n", "", None, b"code", "x" * 9000):
        assert local_file(text) is None


# --- files


class Store:
    """A host's directories, where a user without privileges puts files in place."""

    def __init__(self, root: Path):
        self.root = root
        for path in (root, *(root / name for name in ("share", "store", "epochs"))):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)

    def place(self, **entries: Path | bytes) -> str:
        """What the script complains of."""
        user = ["setpriv", "--reuid=65534", "--clear-groups", "--"] if os.getuid() == 0 else []
        with packed(entries) as archive:
            where = [f"{self.root}/store", archive.digest, f"{self.root}/share", f"{self.root}/epochs", "00000001"]
            command = [*user, "sh", "-c", node_module._STORE, "sh", *where, "receive"]
            done = subprocess.run(command, input=archive.file.read(), capture_output=True, check=False, cwd="/")
        assert bool(done.returncode) == bool(done.stderr)
        return done.stderr.decode()

    def placed(self) -> list[str]:
        return sorted(str(path.relative_to(self.root / "share")) for path in (self.root / "share").rglob("*"))


@pytest.fixture
def store():
    with tempfile.TemporaryDirectory() as root:  # tmp_path lets no other user in
        yield Store(Path(root))


def test_files_are_put_where_they_belong(one, tmp_path):
    (tmp_path / "it's $(a) dir\n" / "größe").mkdir(parents=True)
    (tmp_path / "it's $(a) dir\n" / "größe" / "file").write_bytes(b"\0in a dir")
    for name in ("film", "lib.so", "tool", "main.c"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name}\n")
    app = run(
        one,
        'cat "$SHARE"/*dir*/*/file; "$BIN/tool"; sh "$LIB/lib.so"; sh "$SRC/main.c"; sh "$SHARE/film"',
        files=[str(tmp_path / "film"), str(tmp_path / "it's $(a) dir\n")],
        bins=str(tmp_path / "tool"),
        libs=[str(tmp_path / "lib.so")],
        sources=[str(tmp_path / "main.c")],
    )
    assert one.trace(app, "stdout") == "\0in a dirtool\nlib.so\nmain.c\nfilm\n"


def test_what_the_host_has_is_not_sent_again(one, tmp_path, monkeypatch):
    sent = []
    original = node_module.Node.run

    def spy(self, what, script, *args, **kwargs):
        sent.extend(args[5:] if what == "placing files" else [])
        return original(self, what, script, *args, **kwargs)

    monkeypatch.setattr(node_module.Node, "run", spy)
    (tmp_path / "data").write_text("one")
    assert one.exit_code(run(one, '[ "$(cat "$SHARE/data")" = one ]', files=str(tmp_path / "data"))) == 0
    assert one.exit_code(run(one, '[ "$(cat "$SHARE/data")" = one ]', files=str(tmp_path / "data"))) == 0
    assert sent == ["receive"]
    (tmp_path / "data").write_text("two")
    assert one.exit_code(run(one, '[ "$(cat "$SHARE/data")" = two ]', files=str(tmp_path / "data"))) == 0
    assert sent == ["receive", "receive"]


def test_another_run_finds_what_was_sent(ec, tmp_path, monkeypatch):
    (tmp_path / "data").write_text("one")
    for name in ("first", "second"):
        made = ec(name)
        made.register_resource("linux::Node", hostname="localhost")
        run(made, 'cat "$SHARE/data"', files=str(tmp_path / "data"))
        store = made.local_dir / ".host" / "store"
        assert len(list(store.iterdir())) == 1


def test_a_controller_that_was_declared_dead_puts_no_files_in_place(one, shared, tmp_path):
    (tmp_path / "data").write_text("old")
    one.deploy()
    assert one.wait_deployed(1, timeout=PATIENCE)
    (one.run_dir / "node-1" / "epochs" / "00000002").mkdir()  # its successor has been here
    app = run(one, "true", files=str(tmp_path / "data"))
    assert "another controller has taken the run over, as epoch 00000002" in error_of(one, app)
    assert list((shared / "share").iterdir()) == []


def test_a_damaged_copy_on_the_host_is_sent_again(one, shared, tmp_path):
    (tmp_path / "data").write_text("one")
    run(one, files=str(tmp_path / "data"))
    (kept,) = (shared / "store").iterdir()
    kept.write_bytes(b"damaged")
    second = one.register_resource("linux::Node", hostname="localhost")
    app = one.register_resource(
        "linux::Application", command='cat "$SHARE/data"', files=str(tmp_path / "data"), connectedTo=second
    )
    one.deploy()
    one.wait_finished(app, timeout=PATIENCE)
    assert one.trace(app, "stdout") == "one"
    assert b"damaged" not in kept.read_bytes()


def test_a_directory_that_cannot_be_written_in(store, tmp_path):
    (tmp_path / "mod").mkdir()
    (tmp_path / "mod" / "file").write_text("content")
    (tmp_path / "mod").chmod(0o555)
    assert store.place(mod=tmp_path / "mod") == ""
    assert store.place(mod=tmp_path / "mod") == ""
    assert store.placed() == ["mod", "mod/file"]
    assert len(list((store.root / "store").iterdir())) == 1  # what was sent, and nothing else


def test_what_a_killed_upload_has_left_is_cleared_away_by_the_next(store):
    ended = subprocess.Popen(["true"])
    ended.wait()
    mine, others = store.root / "store" / f".a.{os.uname().nodename}.{ended.pid}", store.root / "store" / ".a.far.1.2"
    for draft in (mine, others, mine.with_suffix(f".{os.getpid()}")):
        (draft / "files").mkdir(parents=True)
        for path in (draft, draft / "files"):
            os.chown(path, 65534 if os.getuid() == 0 else -1, -1)
    assert store.place(data=b"content") == ""
    left = {path.name for path in (store.root / "store").iterdir() if path.name.startswith(".")}
    assert left == {others.name, f".a.{os.uname().nodename}.{os.getpid()}"}


def test_a_file_does_not_go_into_a_directory_of_its_name(store):
    (store.root / "share" / "data" / "deep").mkdir(parents=True)
    assert "share/data is a directory, and a file is to be put there" in store.place(data=b"content")
    assert store.placed() == ["data", "data/deep"]


def test_a_link_to_a_directory_can_be_put_in_place_again(store, tmp_path):
    (tmp_path / "files" / "v1").mkdir(parents=True)
    (tmp_path / "files" / "latest").symlink_to("v1")
    assert store.place(files=tmp_path / "files") == ""
    assert store.place(files=tmp_path / "files") == ""
    assert store.placed() == ["files", "files/latest", "files/v1"]


def test_a_file_that_is_not_there(one):
    app = run(one, "true", files="/no/such/file")
    assert one.state(app) is FAILED
    assert "files: there is no '/no/such/file' on this machine" in error_of(one, app)


def test_two_files_of_one_name_are_refused(one):
    with pytest.raises(BadAttribute, match="have the same name"):
        one.register_resource("linux::Application", files=["/a/x", "/b/x"])


def test_code_is_a_text_or_a_file(one, tmp_path):
    (tmp_path / "code").write_text("from a file")
    app = run(one, 'cat "$CODE"', code=str(tmp_path / "code"))
    other = run(one, 'cat "$CODE"; [ "$CODE" = "$APP_HOME/code" ]', code="a 'text' of $ours\n")
    assert one.trace(app, "stdout") == "from a file"
    assert one.trace(other, "stdout") == "a 'text' of $ours\n"


def test_input_from_a_file(one, tmp_path):
    (tmp_path / "input").write_bytes(b"\0\1\2")
    app = run(one, "cat", stdin=str(tmp_path / "input"))
    assert one.trace(app, "stdout", TraceAttr.BYTES) == b"\0\1\2"


@pytest.mark.parametrize("name", SHELLS)
def test_any_shell_will_do(ec, tmp_path, monkeypatch, name):
    use_shell(name, tmp_path / "shell", monkeypatch)
    if name == "busybox":
        for tool in ("tar", "find", "sha256sum", "mv", "mkdir", "rm", "cat"):
            (tmp_path / "shell" / tool).symlink_to(shutil.which("busybox"))
    made = ec("exp")
    made.register_resource("linux::Node", hostname="localhost", clean_home=True)
    (tmp_path / "it's").mkdir()
    (tmp_path / "it's" / "größe").write_text("content")
    app = run(
        made, 'cat "$SHARE/it\'s/größe" "$APP_HOME/made" -', files=[str(tmp_path / "it's")], build="echo x >made",
        stdin="in", env="A=b",
    )  # fmt: skip
    assert made.trace(app, "stdout") == "contentx\nin"


# --- from the web


@pytest.fixture
def web(tmp_path):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_sources_are_fetched_by_the_host(one, web, tmp_path):
    (tmp_path / "a b.tgz").write_bytes(b"from the web")
    app = run(one, 'cat "$SRC/a b.tgz"', sources=f"{web}/a%20b.tgz")
    assert one.trace(app, "stdout") == "from the web"


def test_a_source_that_cannot_be_fetched(one, web):
    app = run(one, "true", sources=[f"{web}/missing"])
    assert one.state(app) is FAILED
    assert "sources: failed with" in error_of(one, app)
    assert "missing cannot be fetched" in error_of(one, app)


# --- build and install


def test_a_build_and_its_output(one, shared):
    program = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
    app = run(
        one,
        '"$BIN/hello"',
        code=program,
        build='echo building; cc -x c "$CODE" -o hello',
        install='mv hello "$BIN" && echo installed >&2',
    )
    assert one.trace(app, "stdout") == "hello\n"
    assert (one.trace(app, "build"), one.trace(app, "install")) == ("building\n", "installed\n")
    assert (shared / "bin" / "hello").exists()


def test_a_build_that_fails_says_its_last_lines(one):
    app = run(one, "true", build="echo first; echo 'the last line' >&2; exit 2", install="touch installed")
    assert one.state(app) is FAILED
    assert "build: failed with 2: first\nthe last line" in error_of(one, app)
    assert one.trace(app, "install") is None
    assert one.trace(app, "build") == "first\nthe last line\n"


def test_a_build_can_be_watched_while_it_goes_on(one, tmp_path):
    for name in ("began", "go"):
        os.mkfifo(tmp_path / name)
    app = one.register_resource(
        "linux::Application",
        build=f"echo one; echo >{tmp_path}/began; read line <{tmp_path}/go; echo two",
        connectedTo=1,
    )
    assert replay.trace(one.run_dir, app, "build") is None
    one.deploy()
    (tmp_path / "began").read_text()
    assert one.trace(app, "build") == replay.trace(one.run_dir, app, "build") == "one\n"
    (tmp_path / "go").write_text("\n")
    assert one.wait_finished(app, timeout=PATIENCE)
    assert one.trace(app, "build") == "one\ntwo\n"


def test_without_a_command_it_only_brings(one, shared):
    app = run(one, build='echo x >"$SHARE/made"')
    assert (one.state(app), one.exit_code(app)) == (STOPPED, 0)
    assert (shared / "share" / "made").read_text() == "x\n"


def test_a_build_is_ended_by_a_release(one, tmp_path):
    os.mkfifo(tmp_path / "began")
    app = one.register_resource(
        "linux::Application", build=f"echo $$ >{tmp_path}/began; exec sleep 1000", connectedTo=1
    )
    one.deploy()
    pid = int((tmp_path / "began").read_text())
    one.release()
    assert one.state(app) is ResourceState.RELEASED
    assert not Path(f"/proc/{pid}").exists()


CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController

    ec = ExperimentController("exp", local_dir=sys.argv[1])
    ec.register_resource("linux::Node", hostname="localhost")
    ec.register_resource("linux::Application", command='cat "$SHARE/built"', build=sys.argv[2], connectedTo=1)
    ec.deploy()
    print(ec.run_dir, flush=True)
    sys.stdin.read()
""")


def test_a_build_goes_on_without_its_controller_and_is_found_again(home, tmp_path):
    for name in ("began", "go"):
        os.mkfifo(tmp_path / name)
    build = f'echo ran >>{tmp_path}/ran; echo >{tmp_path}/began; read line <{tmp_path}/go; echo $line >"$SHARE/built"'
    command = [sys.executable, "-c", CONTROLLER, str(home), build]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        run_dir = Path(process.stdout.readline().strip())
        (tmp_path / "began").read_text()
        process.kill()
    with ExperimentController.reconnect(run_dir) as two:
        (tmp_path / "go").write_text("hello\n")
        assert two.wait_finished(2, timeout=PATIENCE)
        assert two.trace(2, "stdout") == "hello\n"
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert replay.check(run_dir) == []


# --- packages

FAKES = {
    "apt-get": ("dpkg-query", 'case "$*" in *there*) echo -n installed ;; esac'),
    "dnf": ("rpm", 'case "$*" in *there*) exit 0 ;; esac; exit 1'),
    "yum": ("rpm", 'case "$*" in *there*) exit 0 ;; esac; exit 1'),
    "apk": ("apk", ""),
    "pacman": ("pacman", ""),
    "zypper": ("rpm", 'case "$*" in *there*) exit 0 ;; esac; exit 1'),
}
INSTALLED = {
    "apt-get": "-y -o DPkg::Lock::Timeout=600 install pv nc",
    "dnf": "-y install pv nc",
    "yum": "-y install pv nc",
    "apk": "add --wait 600 pv nc",
    "pacman": "-S --noconfirm --needed pv nc",
    "zypper": "--non-interactive install pv nc",
}
QUERY = 'case "$1" in info | -Q) case "$*" in *there*) exit 0 ;; esac; exit 1 ;; esac\n'


@pytest.fixture
def only(tmp_path, monkeypatch):
    """Makes a host that has one package manager, which notes what it is asked."""

    def make(manager, then=""):
        place = tmp_path / "tools"
        place.mkdir()
        for directory in ("/usr/bin", "/bin"):
            for tool in Path(directory).iterdir():
                if tool.name not in {*FAKES, "dpkg-query", "rpm"} and not (place / tool.name).exists():
                    (place / tool.name).symlink_to(tool)
        query, script = FAKES[manager]
        (place / query).write_text(f"#!/bin/sh\n{script}\n")
        (place / manager).write_text(f'#!/bin/sh\n{QUERY}echo "$@" >>{tmp_path}/asked\n{then}\n')
        for name in (query, manager):
            (place / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(place))
        return lambda: (tmp_path / "asked").read_text().splitlines() if (tmp_path / "asked").exists() else []

    return make


@pytest.mark.parametrize("manager", FAKES)
def test_packages_are_installed_unless_they_are_there(one, only, manager):
    asked = only(manager)
    app = run(one, "true", depends="pv there nc")
    assert one.state(app) is STOPPED
    assert asked() == [INSTALLED[manager]]
    run(one, "true", depends=["there"])
    assert asked() == [INSTALLED[manager]]


def test_lists_of_packages_are_fetched_if_they_are_too_old(one, only, tmp_path):
    asked = only("apt-get", then=f'case "$*" in *update) touch {tmp_path}/new ;; *) [ -e {tmp_path}/new ] ;; esac')
    assert one.state(run(one, "true", depends="pv nc")) is STOPPED
    assert ["update" in line for line in asked()] == [False, True, False]


def test_a_package_that_cannot_be_installed(one, only):
    only("dnf", then="echo no such package: $3; exit 1")
    app = run(one, "true", depends="nonsense")
    assert one.state(app) is FAILED
    assert "depends: failed with 1: no such package: nonsense" in error_of(one, app)


def test_what_is_no_package_is_refused(one):
    for wrong in ("-y", "a;b", ["a b"]):
        with pytest.raises(BadAttribute, match="is no name of a package"):
            one.register_resource("linux::Application", depends=wrong)
