"""`netreel validate`, and `netreel run` of a saved description."""

import json
from pathlib import Path

import pytest

import replay
from engine import ExperimentController, ResourceFactory, ResourceManager, ResourceState, attr
from engine.description import Description, SFormats, foreign, read, save
from engine.description.model import ResourceDescription
from tests.replay.shell import netreel


class Thing(ResourceManager, rtype="lab::Thing"):
    """Ends at once, or fails."""

    fails: bool = attr(default=False)
    size: int = attr(default=1, le=9)
    name: str = attr()

    def start(self, intent):
        if self.fails:
            raise RuntimeError("the device is gone")
        self.ended()

    def release(self, intent):
        if self.size == 9:
            raise RuntimeError("it is stuck")


class Place(ResourceManager, rtype="lab::Place"):
    """Never ends."""


@pytest.fixture(autouse=True)
def _known_types(monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", {"lab::Thing": Thing, "lab::Place": Place})


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where the runs of a test are kept."""
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(params=SFormats)
def write(request, tmp_path):
    """Saves a thing with these attributes in a place, and gives the path of the file."""

    def saved(rtype="lab::Thing", **attributes):
        resources = (
            ResourceDescription(1, "lab::Place", connections=(2,)),
            ResourceDescription(2, rtype, attributes={"name": "x", **attributes}),
        )
        return save(Description("hello", resources=resources), tmp_path, "1", request.param)

    return saved


def place_of_2(path):
    return "line 9" if path.suffix == ".xml" else "$.resources[1]"


# --- validate -----------------------------------------------------------------------------------------------------


def test_a_description_in_order_is_said_to_be(home, write):
    path = write()
    result = netreel("validate", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{path}: hello with 2 resources is in order\n"
    result = netreel("validate", path, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"file": str(path), "valid": True, "problems": []})
    assert not home.exists()


def test_each_problem_is_a_line_and_nothing_is_made(home, write):
    path = write(size=10, colour="red")
    known = "known are critical, fails, hard_release, name, size"
    problems = [
        f"{path}: {place_of_2(path)}: #2 lab::Thing: lab::Thing.size is at most 9, not 10",
        f"{path}: {place_of_2(path)}: #2 lab::Thing: lab::Thing has no attribute 'colour'; {known}",
    ]
    result = netreel("validate", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [f"netreel: {problem}" for problem in problems]
    result = netreel("validate", path, "--json")
    assert (result.exit_code, result.stderr) == (2, "")
    assert json.loads(result.stdout) == {"file": str(path), "valid": False, "problems": problems}
    assert not home.exists()


def test_what_could_not_be_deployed_is_a_problem(write):
    path = write(rtype="lab::Place", critical=True)
    path.write_text(path.read_text().replace("lab::Place", "lab::Thing"))
    result = netreel("validate", path)
    place = "line 4" if path.suffix == ".xml" else "$.resources[0]"
    assert result.exit_code == 2
    assert f"netreel: {path}: {place}: #1 lab::Thing has no name: set(1, 'name', …) first\n" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "{path}: no such file or directory; give a file that was saved"),
        ("", "{path}: it is neither XML, which begins with <, nor a JSON object, which begins with {{"),
        ("<experiment>", "{path}: line 1: this is no XML: no element found"),
    ],
)
def test_what_is_no_description_is_one_line(tmp_path, content, message):
    path = tmp_path / "some.xml"
    if content is not None:
        path.write_text(content)
    result = netreel("validate", path)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"netreel: {message.format(path=path)}\n")


# --- run ----------------------------------------------------------------------------------------------------------


def test_a_description_is_deployed_and_released_once_it_has_ended(home, write):
    result = netreel("run", write())
    (run_dir,) = home.glob("hello/*")
    world = replay.state(run_dir)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert world.closed
    assert ResourceState.STOPPED in world.resources[2].times
    assert replay.check(run_dir) == []


def never_ends(monkeypatch):
    """Whom a run waits for, in place of waiting."""
    awaited = []
    monkeypatch.setattr(ExperimentController, "wait_finished", lambda ec, guids: awaited.append(list(guids)))
    return awaited


def test_one_in_which_nothing_ends_is_there_until_it_is_interrupted(home, write, monkeypatch):
    monkeypatch.setattr(Thing, "endless", True)
    awaited = never_ends(monkeypatch)
    netreel("run", write())
    assert awaited == [[1, 2]]


def test_the_network_of_another_program_is_there_until_it_is_interrupted(home, write, monkeypatch):
    awaited = never_ends(monkeypatch)
    netreel("run", write())
    monkeypatch.setattr(foreign, "reader", lambda path: read)
    netreel("run", write())
    assert awaited == [[2], [1, 2]]


def test_a_failure_fails_and_is_released_all_the_same(home, write):
    result = netreel("run", "--json", write(fails=True))
    (run_dir,) = home.glob("hello/*")
    assert result.exit_code == 1
    assert "hello failed because of #2 lab::Thing: the device is gone" in result.stderr
    assert json.loads(result.stdout)[0]["run_id"] == run_dir.name
    assert replay.state(run_dir).closed


def test_what_cannot_be_released_is_said_and_fails(home, write):
    result = netreel("run", write(size=9))
    assert result.exit_code == 1
    assert "netreel: everything is released, but something may be left: #2 lab::Thing: it is stuck\n" in result.stderr


def test_a_description_that_is_wrong_is_not_run(home, write):
    path = write(size=10)
    result = netreel("run", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"netreel: {path}: {place_of_2(path)}: #2 lab::Thing: lab::Thing.size is at most 9, not 10\n"
    )
    assert not home.exists()


def test_a_description_takes_no_arguments(home, write):
    path = write()
    result = netreel("run", path, "--hosts", "3")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"netreel: {path} is a description, which takes no arguments such as --hosts; options of run stand before it\n"
    )
    assert not home.exists()
