"""Events in sentences."""

import pytest

from engine import journal
from engine.core.events import KINDS
from eventlog import FileStore
from replay import telling
from tests.golden.test_golden import VERSIONS

RECORDS = list(FileStore(VERSIONS[-1]).read())
WORLD = journal.rebuild(RECORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_has_a_sentence(kind):
    entries = [journal.to_entry(record) for record in RECORDS if record.kind == kind]
    assert entries
    for entry in entries:
        text = telling.tell(entry, WORLD, entry.time - 1_500_000_000)
        assert " " in text
        assert not text.endswith(".")


def test_sentences_of_what_matters_most():
    told = {record.kind: telling.tell(journal.to_entry(record), WORLD) for record in reversed(RECORDS)}
    assert told["condition.registered"] == "the start of #5 #6 was to wait for #1 #6 to be NEW"
    assert told["step.told"] == "the provision of #1 host went on: clearing it"
    assert told["resource.remarked"] == "#1 host has not answered since 12:00:00 UTC: no route"
    assert told["step.voided"].endswith(" was void: it never began")
    assert told["resource.unknown"].endswith("nobody answered for #2 app: no route to host")
    assert told["experiment.aborted"] == "the experiment was aborted by the failure of #3 app"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (9.994, "9.99 s"),
        (41.26, "41.3 s"),
        (75, "1 min 15 s"),
        (3660, "1 h 01 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_how_long_something_took(seconds, text):
    assert telling.duration(round(seconds * 1_000_000_000)) == text
