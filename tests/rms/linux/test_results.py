"""What tools print is read: the usual case, nothing at all, and what is still being written."""

import json

import pytest

from rms.linux import iperf3, nping, ping, tcpdump, traceroute, web

PING = """\
PING localhost (127.0.0.1) 56(84) bytes of data.
[1795371114.177209] 64 bytes from localhost (127.0.0.1): icmp_seq=1 ttl=64 time=0.242 ms
64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=0.051 ms
64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=1.5 ms (DUP!)
From 10.0.0.1 icmp_seq=3 Destination Host Unreachable

--- localhost ping statistics ---
4 packets transmitted, 3 received, +1 duplicates, +1 errors, 25% packet loss, time 408ms
rtt min/avg/max/mdev = 0.051/0.114/1.500/0.090 ms
"""

BUSYBOX = """\
PING 127.0.0.1 (127.0.0.1): 56 data bytes
64 bytes from 127.0.0.1: seq=0 ttl=64 time=0.062 ms

--- 127.0.0.1 ping statistics ---
1 packets transmitted, 1 packets received, 0% packet loss
round-trip min/avg/max = 0.062/0.062/0.062 ms
"""


def test_ping():
    told = ping.parse(PING)
    assert (told["target"], told["address"]) == ("localhost", "127.0.0.1")
    assert (told["transmitted"], told["received"], told["loss"]) == (4, 3, 0.25)
    assert (told["duplicates"], told["errors"], told["corrupted"]) == (1, 1, 0)
    assert told["rtt"] == {"min": 0.051, "avg": 0.114, "max": 1.5, "mdev": 0.09}
    first, second, third = told["replies"]
    assert first == {
        "seq": 1,
        "from": "localhost (127.0.0.1)",
        "bytes": 64,
        "ttl": 64,
        "time": 0.242,
        "timestamp": 1795371114.177209,
        "duplicate": False,
    }
    assert (second["duplicate"], third["duplicate"], third["time"]) == (False, True, 1.5)


def test_ping_of_another_make():
    told = ping.parse(BUSYBOX)
    assert (told["transmitted"], told["received"], told["replies"][0]["seq"]) == (1, 1, 0)
    assert told["rtt"] == {"min": 0.062, "avg": 0.062, "max": 0.062, "mdev": None}


def test_ping_that_nobody_answers():
    told = ping.parse(
        "PING h (192.0.2.1) 56(84) bytes of data.\n\n--- h ping statistics ---\n"
        "2 packets transmitted, 0 received, 100% packet loss, time 1ms\n"
    )
    assert (told["loss"], told["rtt"], told["replies"]) == (1.0, None, [])


TRACEROUTE = """\
1795371590.8033667
traceroute to far.example (192.0.2.9), 30 hops max, 60 byte packets
 1  gateway (10.0.0.1)  0.274 ms  0.234 ms  0.222 ms
 2  10.0.1.1  1.017 ms * 10.0.1.2  1.005 ms !H
 3  * * *
traceroute to far.example (192.0.2.9), 30 hops max, 60 byte packets
"""


def probe(name=None, address=None, time=None, note=None):
    return {"name": name, "address": address, "time": time, "note": note}


def test_a_loss_is_the_number_next_to_the_fraction():
    assert ping.parse("5 packets transmitted, 4 received, 20% packet loss, time 1ms\n")["loss"] == 0.2
    assert nping.parse("Raw packets sent: 5 (140B) | Rcvd: 4 (112B) | Lost: 1 (20.00%)\n")["loss"] == 0.2


def test_traceroute():
    first, second = traceroute.parse(TRACEROUTE)["rounds"]
    assert (first["target"], first["address"], first["max_hops"]) == ("far.example", "192.0.2.9", 30)
    assert first["timestamp"] == 1795371590.8033667
    assert [hop["hop"] for hop in first["hops"]] == [1, 2, 3]
    assert first["hops"][0]["probes"] == [probe("gateway", "10.0.0.1", time) for time in (0.274, 0.234, 0.222)]
    assert first["hops"][1]["probes"] == [probe(None, "10.0.1.1", 1.017), probe(), probe(None, "10.0.1.2", 1.005, "!H")]
    assert first["hops"][2]["probes"] == [probe()] * 3
    assert second["hops"] == []


MTR = json.dumps(
    {
        "report": {
            "mtr": {"src": "a", "dst": "b"},
            "hubs": [
                {
                    "count": 1,
                    "host": "r",
                    "Loss%": 50.0,
                    "Snt": 2,
                    "Last": 0.1,
                    "Avg": 0.2,
                    "Best": 0.1,
                    "Wrst": 0.3,
                    "StDev": 0.1,
                }
            ],
        }
    },
    indent=4,
)


def test_mtr():
    first, second = traceroute.parse_mtr(f"{MTR}\n17.5\n{MTR}\n18.5\n{MTR[:40]}")["rounds"]
    hop = {
        "hop": 1,
        "host": "r",
        "loss": 0.5,
        "sent": 2,
        "last": 0.1,
        "avg": 0.2,
        "best": 0.1,
        "worst": 0.3,
        "stdev": 0.1,
    }
    assert first == {"target": "b", "timestamp": None, "hops": [hop]}
    assert second["timestamp"] == 17.5


def test_mtr_tells_what_it_was_asked_for():
    report = {"mtr": {"dst": "b"}, "hubs": [{"count": 1, "host": "r", "Rcv": 2, "Jttr": 0.1}]}
    (told,) = traceroute.parse_mtr(json.dumps({"report": report}))["rounds"]
    assert told["hops"] == [{"hop": 1, "host": "r", "received": 2, "jitter": 0.1}]


NPING = """\
Starting Nping 0.7.93 ( https://nmap.org/nping ) at 2026-11-22 18:12 UTC
SENT (0.0145s) ICMP [127.0.0.1 > 127.0.0.1 Echo request (type=8/code=0) id=57856 seq=1] IP [ttl=64 id=37227 iplen=28 ]
RCVD (0.0147s) ICMP [127.0.0.1 > 127.0.0.1 Echo reply (type=0/code=0) id=57856 seq=1] IP [ttl=64 id=5387 iplen=28 ]

Max rtt: 0.041ms | Min rtt: 0.022ms | Avg rtt: 0.031ms
Raw packets sent: 2 (56B) | Rcvd: 1 (56B) | Lost: 1 (50.00%)
Nping done: 1 IP address pinged in 0.14 seconds
"""


def test_nping():
    told = nping.parse(NPING)
    assert (told["sent"], told["received"], told["loss"]) == (2, 1, 0.5)
    assert told["rtt"] == {"min": 0.022, "avg": 0.031, "max": 0.041}
    assert [(each["what"], each["time"]) for each in told["packets"]] == [("SENT", 0.0145), ("RCVD", 0.0147)]


def test_nping_that_connects():
    told = nping.parse(
        "Max rtt: N/A | Min rtt: N/A | Avg rtt: N/A\n"
        "TCP connection attempts: 2 | Successful connections: 0 | Failed: 2 (100.00%)\n"
    )
    assert (told["sent"], told["received"], told["loss"], told["rtt"]) == (2, 0, 1.0, None)


def test_tcpdump():
    told = tcpdump.parse(
        "tcpdump: listening on lo, link-type EN10MB\n1 packet captured\n32 packets received by filter\n"
        "0 packets dropped by kernel\n"
    )
    assert told == {"captured": 1, "received": 32, "dropped": 0, "dropped_by_interface": None}


UDP = {
    "start": {},
    "end": {
        "sum": {"bytes": 0},
        "sum_received": {
            "bits_per_second": 8e6,
            "seconds": 1.0,
            "bytes": 1000000,
            "packets": 100,
            "lost_packets": 5,
            "lost_percent": 5,
            "jitter_ms": 0.1,
        },
    },
}


def test_iperf3():
    ended = json.dumps({"start": {}, "end": {}, "error": "interrupt - the server has terminated"})
    text = f"{json.dumps(UDP, indent=1)}\n{ended}\n" + '{"start": {'
    assert iperf3.parse(text) == {"tests": [UDP]}
    assert iperf3.summary(UDP) == {
        "bits_per_second": 8e6,
        "seconds": 1.0,
        "bytes": 1000000,
        "packets": 100,
        "lost_packets": 5,
        "loss": 0.05,
        "jitter": 0.1,
        "error": None,
    }
    assert iperf3.summary({"error": "unable to connect"})["error"] == "unable to connect"


def test_loader():
    line = '{"status":"%s","bytes":10,"time":%s,"connected":0.1,"first_byte":0.2,"error":%d}\n'
    told = web.parse_client(line % ("200", 0.5, 0) + line % ("404", 1.5, 0) + line % ("000", 9, 28) + '{"status":"2')
    assert (told["requests"], told["failed"], told["bytes"]) == (3, 1, 30)
    assert told["status"] == {"200": 1, "404": 1, "000": 1}
    assert told["time"] == {"min": 0.5, "avg": 1.0, "max": 1.5}


def test_web_server():
    log = '127.0.0.1 - - [22/Nov/2026 18:00:00] "GET /a HTTP/1.1" 200 -\n127.0.0.1 - - [x] "GET /b HTTP/1.1" 404 -\n'
    assert web.parse_server(log) == {"requests": 2, "status": {"200": 1, "404": 1}}


@pytest.mark.parametrize(
    "parse",
    [ping.parse, traceroute.parse, traceroute.parse_mtr, nping.parse, tcpdump.parse, iperf3.parse, web.parse_client,
     web.parse_server],
)  # fmt: skip
def test_no_output_is_no_error(parse):
    json.dumps(parse(""))
    json.dumps(parse("something else\n{ \n"))
