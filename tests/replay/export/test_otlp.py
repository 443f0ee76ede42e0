"""Runs as spans of OpenTelemetry."""

import base64
import json

import pytest
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

import eventlog
from replay.export.otlp import to_otlp
from tests.replay.labs import lab_in

pytestmark = pytest.mark.slow


def exported(run_dir):
    with eventlog.open(run_dir) as log:
        return json.loads("".join(to_otlp(log.read())))


def spans_of(run_dir):
    return exported(run_dir)["resourceSpans"][0]["scopeSpans"][0]["spans"]


def values(span):
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


@pytest.fixture
def lab(tmp_path):
    """A host that is there after half a second, and an application that fails."""
    lab = lab_in(tmp_path / "run")
    host = lab.host()
    app = lab.app(host, label="server")
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    lab.wait(1)
    lab.fail(app, "no such package")
    return lab


def named(spans, name):
    return next(span for span in spans if span["name"] == name)


def test_a_run_is_a_tree_of_spans(lab, tmp_path):
    spans = spans_of(tmp_path / "run")
    ids = {span["spanId"]: span["name"] for span in spans}
    assert len(ids) == len(spans)
    below = {}
    for span in spans:
        below.setdefault(ids.get(span.get("parentSpanId")), []).append(span["name"])
    assert below == {
        None: ["lab"],
        "lab": ["#1 lab::Host", "#2 lab::App (server)"],
        "#1 lab::Host": ["NEW", "RESERVED", "provision", "PROVISIONED", "READY", "start"],
        "#2 lab::App (server)": ["NEW", "PROVISIONED", "deploy", "deploy", "FAILED"],
    }


def test_times_ids_and_kinds_are_as_the_protocol_has_them_in_json(lab, tmp_path):
    spans = spans_of(tmp_path / "run")
    provision = named(spans, "provision")
    assert (provision["startTimeUnixNano"], provision["endTimeUnixNano"]) == ("100000000000", "100500000000")
    assert provision["kind"] == 1
    assert {len(bytes.fromhex(span["traceId"])) for span in spans} == {16}
    assert {len(bytes.fromhex(span["spanId"])) for span in spans} == {8}


def test_a_span_is_linked_to_that_of_what_it_came_from(lab, tmp_path):
    spans = spans_of(tmp_path / "run")
    ids = {span["spanId"]: span["name"] for span in spans}
    links = [(span["name"], ids[link["spanId"]]) for span in spans for link in span.get("links", ())]
    assert ("provision", "RESERVED") in links
    assert ("READY", "provision") in links
    assert ("deploy", "READY") in links


def test_what_failed_has_the_status_of_an_error(lab, tmp_path):
    spans = spans_of(tmp_path / "run")
    failed = {span["name"]: span["status"] for span in spans if "status" in span}
    error = {"code": 2, "message": "no such package"}
    assert failed == {
        "lab": {"code": 2, "message": "the experiment was aborted"},
        "#2 lab::App (server)": error,
        "deploy": error,
    }


def test_what_else_was_recorded_is_an_event_of_whom_it_is_about(lab, tmp_path):
    spans = spans_of(tmp_path / "run")
    assert [event["name"] for event in named(spans, "#2 lab::App (server)")["events"]] == [
        "resource.registered",
        "resource.connected",
    ]
    deployed = next(event for event in named(spans, "lab")["events"] if event["name"] == "group.deployed")
    assert values(deployed)["netreel.text"] == "the deployment of #1 #2 was asked for, as group 1 (demo.py:3)"


def test_it_is_what_the_messages_of_the_protocol_hold(lab, tmp_path):
    data = exported(tmp_path / "run")
    for span in data["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for each in (span, *span.get("links", ())):
            for key in {"traceId", "spanId", "parentSpanId"} & each.keys():
                each[key] = base64.b64encode(bytes.fromhex(each[key])).decode()
    assert json_format.ParseDict(data, TracesData()).resource_spans[0].scope_spans[0].scope.name == "netreel"
