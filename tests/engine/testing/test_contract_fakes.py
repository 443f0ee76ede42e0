"""The port and the host that types are tested with alone."""

import pytest

from engine import ResourceManager, ResourceState, Trace, TransportLost, UsageError
from engine.core.states import Step
from engine.rm.transport import Completed
from engine.testing.bench import Bench
from engine.testing.fakes import FakePort, FakeTransport, Told
from tests.engine.testing.lamps import Candle, Lamp, Socket


@pytest.fixture
def host():
    made = FakeTransport(lambda script, args, stdin: Completed(len(args), script.encode(), stdin))
    yield made
    made.close()


def test_a_script_ends_as_the_test_says(host):
    assert host.run("uname", "-a", "-r", stdin=b"in") == Completed(2, b"uname", b"in")
    assert host.scripts == [("uname", ("-a", "-r"), b"in")]
    assert FakeTransport().run("anything").code == 0


def test_files_are_read_in_pieces(host):
    host.write("/a", b"0123456789")
    assert (host.read("/a"), host.read("/a", 2, 3), host.size("/a")) == (b"0123456789", b"234", 10)
    assert (host.read("/b"), host.size("/b")) == (None, None)


def test_a_file_is_followed_without_gap(host):
    seen = []
    host.write("/log", b"one ")
    following = host.follow("/log", 0, seen.append)
    host.append("/log", b"two ")
    host.lose()
    host.append("/log", b"three ")
    assert b"".join(seen) == b"one two "
    host.find()
    following.close()
    host.append("/log", b"four")
    assert b"".join(seen) == b"one two three "


def test_an_exit_is_told_once_also_if_it_was_before(host):
    seen = []
    host.on_exit(7, "100", lambda: seen.append("first"))
    host.exit(7, "100")
    host.on_exit(7, "100", lambda: seen.append("second"))
    host.on_exit(7, "101", lambda: seen.append("another"))
    host.settle()
    assert seen == ["first", "second"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda host: host.run("true"),
        lambda host: host.read("/a"),
        lambda host: host.size("/a"),
        lambda host: host.write("/a", b""),
        lambda host: host.follow("/a", 0, print),
        lambda host: host.on_exit(1, "1", print),
    ],
)
def test_a_lost_host_does_not_answer(host, ask):
    host.lose("the cable is cut")
    with pytest.raises(TransportLost, match="fake: the cable is cut"):
        ask(host)


class Named(ResourceManager, rtype="test::Named"):
    """Returns what it is told to."""

    traces = (Trace("loud"), Trace("quiet", enabled=False))
    answer = None

    def start(self, intent):
        return self.answer


def test_a_port_shows_what_the_test_puts_there(tmp_path):
    port = FakePort(tmp_path)
    port.managers = {1: Named.bind(1, {}, port), 2: Socket.bind(2, {}, port), 3: Lamp.bind(3, {}, port)}
    port.connections[3] = [1, 2]
    port.states[3] = ResourceState.READY
    port.disabled.add((1, "loud"))
    lamp, named = port.managers[3], port.managers[1]
    assert (lamp.state, lamp.run_dir, lamp.epoch, lamp.linked()) == (
        ResourceState.READY,
        tmp_path,
        1,
        [port.managers[2]],
    )
    assert [named.trace_enabled(name) for name in ("loud", "quiet", "any")] == [False, False, True]
    lamp.ended(3, token="t")
    lamp.failed("it fell", 4)
    assert [port.told.get() for _ in range(2)] == [Told(3, 3, None, "t"), Told(3, 4, "it fell", None)]
    lamp.remark("flickers")
    lamp.remark("")
    assert port.remarks == [(3, "flickers"), (3, "")]


def test_a_bench_walks_through_the_states_and_forgets_nothing_but_managers(tmp_path):
    bench = Bench(tmp_path)
    subject = bench.add(Named())
    subject.manager.answer = {"pid": 1}
    subject.deploy()
    before = subject.manager
    assert before.state is ResourceState.READY
    assert subject.perform(Step.START) == {"pid": 1}
    bench.crash()
    assert subject.manager is not before
    assert (subject.manager.state, subject.manager.epoch) == (ResourceState.STARTED, 2)
    assert subject.manager.receipts[Step.START] == {"pid": 1}
    assert subject.manager.tokens[Step.START] == subject.tokens[Step.START]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ([1], AssertionError, r"start of test::Named returned \[1\], not a dict"),
        ({"a": (1,)}, UsageError, "the receipt of test::Named.start.*a tuple cannot be logged"),
    ],
)
def test_a_bench_takes_only_receipts(tmp_path, answer, error, message):
    subject = Bench(tmp_path).add(Named())
    subject.manager.answer = answer
    with pytest.raises(error, match=message):
        subject.perform(Step.START)


def test_what_is_not_told_in_time_fails_the_test(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.testing.bench.PATIENCE", 0.01)
    with pytest.raises(pytest.fail.Exception, match=r"the end of #1 test::Candle was not told within 0\.01 s"):
        Bench(tmp_path).add(Candle()).wait_told()
