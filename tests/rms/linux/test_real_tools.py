"""The tools themselves, where they are installed."""

import hashlib
import json
import shutil
import socket
import struct
import subprocess

import pytest

from engine import ResourceAction, ResourceState, TraceAttr

pytestmark = pytest.mark.slow

PATIENCE = 30
START, STOP = ResourceAction.START, ResourceAction.STOP
STARTED, STOPPED = ResourceState.STARTED, ResourceState.STOPPED


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


def add(one, rtype, **attributes):
    return one.register_resource(f"linux::{rtype}", connectedTo=1, **attributes)


def finish(one, *guids):
    one.deploy()
    assert one.wait_finished(list(guids), timeout=PATIENCE), [one.failure(guid) for guid in guids]
    return [json.loads(one.trace(guid, "result")) for guid in guids]


def client_of(one, server, client):
    """The client starts when the server runs, and the server stops when the client has ended."""
    one.register_condition(client, START, server, STARTED)
    one.register_condition(server, STOP, client, STOPPED)


def failure_of(one, guid):
    one.deploy()
    assert one.wait_finished(guid, timeout=PATIENCE) is False
    assert one.exit_code(guid) == 1
    return str(one.failure(guid))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@needs("ping")
def test_ping(one):
    (told,) = finish(one, add(one, "Ping", target="127.0.0.1", count=2, interval=0.01, numeric=True))
    assert (told["transmitted"], told["received"], [reply["seq"] for reply in told["replies"]]) == (2, 2, [1, 2])


@needs("ping")
def test_a_ping_that_is_stopped_tells_its_summary(one):
    ping = add(one, "Ping", target="127.0.0.1", interval=0.01)
    one.register_condition(ping, STOP, ping, STARTED, "100ms")
    (told,) = finish(one, ping)
    assert told["received"] == told["transmitted"] > 2


@needs("traceroute")
def test_traceroute(one):
    (told,) = finish(one, add(one, "Traceroute", target="127.0.0.1", use_ip=True, print_timestamp=True))
    assert [probe["address"] for probe in told["rounds"][0]["hops"][0]["probes"]] == ["127.0.0.1"] * 3
    assert told["rounds"][0]["timestamp"] > 1e9


@needs("mtr")
def test_mtr(one):
    (told,) = finish(
        one, add(one, "Mtr", target="127.0.0.1", report_cycles=1, interval=0.1, no_dns=True, grace_time=0.1)
    )
    assert [(hop["host"], hop["sent"]) for hop in told["rounds"][0]["hops"]] == [("127.0.0.1", 1)]


@needs("mtr")
@pytest.mark.parametrize("given", [{}, {"print_timestamp": True}, {"split_stderr": False}])
def test_an_mtr_that_knows_no_way_has_failed(one, given):
    assert "Failed to resolve host" in failure_of(one, add(one, "Mtr", target="nope.invalid", **given))


@needs("mtr")
def test_an_mtr_without_output_is_not_judged_by_it(one):
    mtr = add(one, "Mtr", target="127.0.0.1", report_cycles=1, interval=0.1, no_dns=True, grace_time=0.1)
    one.disable_trace(mtr, "stdout")
    one.deploy()
    assert one.wait_finished(mtr, timeout=PATIENCE)


@needs("nping")
def test_nping(one):
    (told,) = finish(one, add(one, "NPing", target="127.0.0.1", icmp=True, c=2, delay="10ms"))
    assert (told["sent"], told["received"]) == (2, 2)


@needs("tcpdump", "ping")
def test_a_capture_is_complete_when_it_has_stopped(one):
    capture = add(one, "Tcpdump", i="lo", w="a.pcap", s=100, expression="icmp and host 127.0.0.77")
    ping = add(one, "Ping", target="127.0.0.77", count=20, interval=0.002)
    client_of(one, capture, ping)
    told, _ = finish(one, capture, ping)
    assert told["captured"] == 40
    assert packets_in(one.trace(capture, "a.pcap", TraceAttr.BYTES)) == 40


def packets_in(capture):
    """Counts the packets of a capture, to its last byte."""
    count, at = 0, 24
    while at < len(capture):
        at += 16 + struct.unpack_from("<I", capture, at + 8)[0]
        count += 1
    assert at == len(capture)
    return count


@needs("iperf3")
def test_iperf3(one):
    port = free_port()
    server, client = (
        add(one, "Iperf3", server=True, port=port),
        add(one, "Iperf3", client="127.0.0.1", port=port, bytes="1M"),
    )
    client_of(one, server, client)
    served, sent = finish(one, server, client)
    assert sent["tests"][0]["end"]["sum_sent"]["bytes"] == 1 << 20
    assert len(served["tests"]) == 1


@needs("iperf3")
@pytest.mark.parametrize(("rtype", "server"), [("Iperf3", "client"), ("UdpTest", "target")])
def test_a_client_that_finds_no_server_has_failed(one, rtype, server):
    port = {"Iperf3": "port", "UdpTest": "p"}[rtype]
    client = add(one, rtype, **{server: "127.0.0.1", port: free_port()})
    assert failure_of(one, client).endswith("iperf3: unable to connect to server: Connection refused")


@needs("iperf3")
def test_a_server_whose_port_is_taken_says_so(one):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = add(one, "Iperf3", server=True, port=taken.getsockname()[1], bind_address="127.0.0.1")
        assert "Address already in use" in failure_of(one, server)


@needs("iperf3")
def test_a_server_whose_client_was_stopped_has_not_failed(one):
    port = free_port()
    server = add(one, "Iperf3", server=True, port=port, one_off=True)
    client = add(one, "Iperf3", client="127.0.0.1", port=port, time=1000)
    one.register_condition(client, START, server, STARTED)
    one.register_condition(client, STOP, client, STARTED, "500ms")
    one.deploy()
    assert one.wait_finished([server, client], timeout=PATIENCE)
    assert one.exit_code(server) == 0


@needs("iperf3", "openssl")
def test_iperf3_with_a_password_that_shows_nowhere(one, tmp_path, monkeypatch):
    monkeypatch.setenv("IPERF_TEST", "hush-hush")
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "key", "2048"], check=True, capture_output=True)
    public = ["openssl", "rsa", "-in", tmp_path / "key", "-pubout", "-out", tmp_path / "key.pub"]
    subprocess.run(public, check=True, capture_output=True)
    digest = hashlib.sha256(b"{me}hush-hush").hexdigest()
    (tmp_path / "users").write_text(f"me,{digest}\n")
    port = free_port()
    keys = {"rsa_private_key_path": str(tmp_path / "key"), "authorized_users_path": str(tmp_path / "users")}
    server = add(one, "Iperf3", server=True, port=port, time_skew_threshold=100, **keys)
    login = {"username": "me", "secret": "env:IPERF_TEST", "rsa_public_key_path": str(tmp_path / "key.pub")}
    client = add(one, "Iperf3", client="127.0.0.1", port=port, bytes="1M", **login)
    client_of(one, server, client)
    _, sent = finish(one, server, client)
    assert sent["tests"][0]["end"]["sum_sent"]["bytes"] == 1 << 20
    kept = [path.read_bytes() for path in one.run_dir.rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hush-hush" in content for content in kept)


@needs("iperf3")
def test_udp(one):
    port = free_port()
    server = add(one, "UdpTest", s=True, p=port)
    client = add(one, "UdpTest", target="127.0.0.1", p=port, t=1, l=1000)
    client_of(one, server, client)
    _, sent = finish(one, server, client)
    (test,) = sent["tests"]
    assert test["packets"] > 0
    assert 0 <= test["loss"] <= 1


@needs("curl", "python3")
def test_web_server_and_loader(one, tmp_path):
    (tmp_path / "page [1]").write_text("x" * 1000)
    port = free_port()
    url = f"http://127.0.0.1:{port}/page%20[1]"
    server = add(one, "Http", server=True, port=port, bind_address="127.0.0.1", files=[str(tmp_path / "page [1]")])
    client = add(one, "Http", url=url, requests=20, concurrency=4)
    client_of(one, server, client)
    served, loaded = finish(one, server, client)
    assert (loaded["requests"], loaded["failed"], loaded["bytes"]) == (20, 0, 20_000)
    assert served == {"requests": 20, "status": {"200": 20}}
