"""Runs as RO-Crates."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile

import pytest

import eventlog
import replay
from engine import UsageError, journal
from engine.core import events
from engine.description import read
from engine.rm import collected
from engine.rm.fetching import Fetched
from replay.export.crate import write_crate
from tests.replay.labs import lab_in
from tests.replay.recorders import Recorder, path_of
from tests.replay.shell import answer, netreel, refusal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lab1")]


@pytest.fixture
def live(ec):
    """A controller whose #1 runs and has recorded something."""
    made = ec("hello")
    made.add(Recorder(), label="the one")
    made.deploy()
    assert made.wait_started([1], timeout=20)
    path_of(made.run_dir, 1, "stdout").write_text("<hi>")
    return made


def files_in(crate):
    return {str(path.relative_to(crate)) for path in crate.rglob("*") if path.is_file()}


def entities(crate):
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    by_id = {entity["@id"]: entity for entity in graph}
    assert len(by_id) == len(graph)
    return by_id


def references(value):
    """What a value of JSON-LD refers to."""
    match value:
        case {"@id": name} if len(value) == 1:
            yield name
        case dict() | list():
            for item in value.values() if isinstance(value, dict) else value:
                yield from references(item)


def test_a_bundle_is_the_run_with_all_that_belongs_to_it(live, tmp_path):
    crate = tmp_path / "crate"
    bundled = write_crate(live.run_dir, crate)
    assert bundled.gone == ()
    assert {name for name in files_in(crate) if not name.startswith(("log/", "scripts/"))} == {
        "ro-crate-metadata.json",
        "checksums.sha256",
        "collected.jsonl",
        "description.json",
        "origins.json",
        "traces/1.stdout",
        "traces/1.made",
    }
    assert replay.state(crate).to_dict() == replay.state(live.run_dir).to_dict()
    assert replay.trace(crate, "the one", "stdout") == "<hi>"
    assert [resource.label for resource in read(crate / "description.json").resources] == ["the one"]
    assert json.loads((crate / "origins.json").read_text())["controllers"][0]["pid"] == os.getpid()


def test_its_checksums_are_those_of_its_files(live, tmp_path):
    write_crate(live.run_dir, tmp_path / "crate")
    lines = (tmp_path / "crate" / "checksums.sha256").read_text().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = files_in(tmp_path / "crate") - {"checksums.sha256", "ro-crate-metadata.json"}
    assert listed == {name: hashlib.sha256((tmp_path / "crate" / name).read_bytes()).hexdigest() for name in found}


def test_its_metadata_follow_the_rules_of_ro_crate(live, tmp_path):
    """https://www.researchobject.org/ro-crate/specification/1.1/, sections on the root, on data and on provenance."""
    crate = tmp_path / "crate"
    write_crate(live.run_dir, crate)
    found = entities(crate)
    descriptor, root = found["ro-crate-metadata.json"], found["./"]
    assert (descriptor["@type"], descriptor["about"]) == ("CreativeWork", {"@id": "./"})
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    assert set(references(root["hasPart"])) == files_in(crate) - {"ro-crate-metadata.json"}
    for name in references(root["hasPart"]):
        assert found[name]["@type"] == "File"
        assert int(found[name]["contentSize"]) == (crate / name).stat().st_size
        assert found[name]["sha256"] == hashlib.sha256((crate / name).read_bytes()).hexdigest()
    told = {name for entity in found.values() for value in entity.values() for name in references(value)}
    assert {
        name for name in told - found.keys() if not name.startswith(("https://w3id.org/", "http://schema.org/"))
    } == set()
    action = found["#run"]
    assert (action["@type"], action["actionStatus"]) == (
        "CreateAction",
        {"@id": "http://schema.org/ActiveActionStatus"},
    )
    assert found[next(references(action["instrument"]))]["@type"] == "SoftwareApplication"
    assert "traces/1.stdout" in references(action["result"])
    assert "description.json" in references(action["object"])


def test_a_zip_has_the_same_and_replaces_a_file(live, tmp_path):
    target = tmp_path / "run.zip"
    target.write_text("old")
    write_crate(live.run_dir, target)
    with zipfile.ZipFile(target) as packed:
        assert {"ro-crate-metadata.json", "traces/1.stdout", "description.json"} <= set(packed.namelist())
        assert packed.testzip() is None
    assert {path.name for path in tmp_path.iterdir()} == {"home", "run.zip"}


def test_scripts_are_in_it_if_they_are_what_was_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, changed in ("demo.py", 50), ("later.py", 200):
        (tmp_path / name).write_text("ec.deploy()")
        os.utime(name, (changed, changed))
    for script in "demo.py", "later.py", "gone.py":
        lab = lab_in(tmp_path / script.removesuffix(".py"), script=script)
        lab.host()
        lab.writer.close()
    made = {name: write_crate(tmp_path / name, tmp_path / f"of-{name}").missing for name in ("demo", "later", "gone")}
    assert made == {
        "demo": (),
        "later": (f"the script later.py was changed after it was run: {tmp_path}/later.py is another one",),
        "gone": (f"the script gone.py is not here: it was {tmp_path}/gone.py",),
    }
    assert (tmp_path / "of-demo" / "scripts" / "demo.py").read_text() == "ec.deploy()"
    assert entities(tmp_path / "of-demo")["scripts/demo.py"]["@type"] == "File"
    assert "scripts/later.py" not in files_in(tmp_path / "of-later")


def test_what_the_log_says_of_a_script_counts_more_than_its_date(tmp_path):
    script = tmp_path / "lab" / "demo.py"
    script.parent.mkdir()
    script.write_text("ec.deploy()")
    said = {"path": str(script), "cwd": str(script.parent), "sha256": hashlib.sha256(script.read_bytes()).hexdigest()}
    opened = events.ControllerOpened(0, "hello", "run", {"script": said}, persist=False)
    records = [
        journal.to_record(events.Entry(1, 1, 0, 1, opened)),
        journal.to_record(events.Entry(2, 1, 0, 1, events.ReleaseRequested(0, []), at="demo.py:1")),
    ]
    with eventlog.FileStore(tmp_path / "run").open_writer("a test") as writer:
        writer.append(records)
    assert write_crate(tmp_path / "run", tmp_path / "good").missing == ()
    assert "scripts/demo.py" in files_in(tmp_path / "good")
    script.write_text("something else")
    os.utime(script, ns=(0, 0))
    (problem,) = write_crate(tmp_path / "run", tmp_path / "bad").missing
    assert problem == f"the script demo.py was changed after it was run: {script} is another one"


def test_what_was_collected_is_in_it_though_its_type_is_not_installed(tmp_path):
    lab = lab_in(tmp_path / "run")
    host = lab.host(label="h")
    path = tmp_path / "run" / "results" / "1.facts"
    path.parent.mkdir()
    path.write_bytes(b"{}")
    collected.note(tmp_path / "run", host, "facts", path, Fetched(2, hashlib.sha256(b"{}").hexdigest()))
    bundled = write_crate(tmp_path / "run", tmp_path / "crate")
    assert bundled.gone == ()
    assert (tmp_path / "crate" / "traces" / "1.facts").read_bytes() == b"{}"
    assert replay.trace(tmp_path / "crate", "h", "facts") == "{}"


def test_what_is_missing_is_told_and_the_rest_is_there(live, lab1, tmp_path):
    lab1.lost = True
    result = netreel("export", "hello", "--to", "ro-crate", "--output", tmp_path / "crate")
    assert (result.exit_code, result.stdout) == (1, f"{tmp_path / 'crate'}\n")
    assert "trace 'stdout' of #1 lab::Recorder (the one) cannot be read: lab1: no route to host" in result.stderr
    assert "traces/1.stdout" not in files_in(tmp_path / "crate")
    assert "description.json" in files_in(tmp_path / "crate")


def test_a_target_that_is_there_is_left_as_it_is(live, tmp_path):
    (tmp_path / "crate").mkdir()
    with pytest.raises(UsageError, match="crate is there already; give a directory that is not, or a file that ends"):
        write_crate(live.run_dir, tmp_path / "crate")
    assert list((tmp_path / "crate").iterdir()) == []


def test_a_target_in_no_directory_is_refused(live, tmp_path):
    with pytest.raises(UsageError, match=f"there is no directory {tmp_path}/no to put x.zip into"):
        write_crate(live.run_dir, tmp_path / "no" / "x.zip")


def test_of_what_is_no_run_nothing_is_left(home, tmp_path):
    (tmp_path / "empty" / "log").mkdir(parents=True)
    result = netreel("export", tmp_path / "empty", "--to", "ro-crate", "--output", tmp_path / "crate")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}


def test_the_command_tells_in_json_how_many_files_it_has(live, tmp_path):
    crate = tmp_path / "crate"
    netreel("export", "hello", "--to", "ro-crate", "--output", crate, "--json")
    told = json.loads(answer("export", "hello", "--to", "ro-crate", "--output", tmp_path / "x.zip", "--json"))
    assert told == {"path": str(tmp_path / "x.zip"), "format": "ro-crate", "files": len(files_in(crate))}


READ = """
import json, sys
from rocrate.rocrate import ROCrate
crate = ROCrate(sys.argv[1])
action = crate.dereference("#run")
told = {"name": crate.name, "files": len(crate.data_entities), "action": action.type}
print(json.dumps(told | {"result": [each.id for each in action["result"]], "instrument": action["instrument"]["name"]}))
"""


@pytest.mark.torture
def test_the_package_rocrate_understands_it(live, tmp_path):
    """It is installed into an environment of its own, from the package index."""
    crate = tmp_path / "crate"
    write_crate(live.run_dir, crate)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "rocrate"], check=True)
    told = json.loads(subprocess.run([python, "-c", READ, crate], check=True, stdout=subprocess.PIPE).stdout)
    assert told["name"] == f"hello {live.run_id}"
    assert told["files"] == len(files_in(crate)) - 1
    assert (told["action"], told["instrument"]) == ("CreateAction", "netreel")
    assert "traces/1.stdout" in told["result"]


def test_nobody_takes_over_what_a_copy_tells_of(live, tmp_path):
    crate = tmp_path / "crate"
    answer("export", "hello", "--to", "ro-crate", "--output", crate)
    for command in "reconnect", "release":
        assert refusal(command, crate).startswith(f"{crate} is the copy of a run that may go on: ")
    assert replay.state(crate).resources.keys() == {1}
