"""What every resource type must do, as tests: a package derives a class from `ResourceContract` and runs pytest.

    from engine.testing.contract import ResourceContract

    class TestQueue(ResourceContract):
        @pytest.fixture
        def resource(self):
            return Queue(rate=8000)

        @pytest.fixture
        def others(self):
            return [Interface(name="eth0")]

The tests call the hooks as the engine does (`engine.testing.bench`), crash the controller at the moments that matter,
and ask what the engine would ask. What they cannot know of a type, its test class says: how one is made to end by
itself (`end`), what of it is there in the world (`left`), which steps can be cancelled (`heeds_cancel`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from engine.core.states import DEPLOYMENT, Step
from engine.core.values import check_plain
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.registry import declare
from engine.testing.bench import Bench, Subject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from engine.rm.base import ResourceManager
    from engine.rm.outcomes import Outcome

MARKER = "n0t-to-be-sh0wn"
"""The value of the secrets that a test class does not give; those that it gives had better have this in them, too."""


class ResourceContract:
    """The contract of resource types. All that the engine relies on is in its tests.

    Attributes:
        finds_again: whether `probe` finds what was begun. Where it is false, the tests want the honest answer `Gone`.
        heeds_cancel: the steps that soon return or raise once ``intent.cancelled`` is true.
    """

    finds_again: ClassVar[bool] = True
    heeds_cancel: ClassVar[Collection[Step]] = ()

    # --- what a test class says of its type ---------------------------------------------------------------------

    @pytest.fixture
    def resource(self) -> ResourceManager:
        """A description of a resource that can be deployed. If it is started it runs until `end` is called."""
        raise AssertionError(f"{type(self).__name__} gives no fixture 'resource', a description as in Queue(rate=8000)")

    @pytest.fixture
    def others(self) -> Sequence[ResourceManager]:
        """Descriptions of what it is connected to, such as its host.

        They are started before it, and each is connected to those before that it declares a link to.
        """
        return ()

    def end(self, subject: Subject) -> int:
        """Make what runs end by itself; the exit status that it ends with."""
        del subject
        pytest.skip("its test class does not say how to make one end by itself")

    def left(self, subject: Subject) -> Sequence[object]:
        """What of it is there in the world: processes, rules, files on a host. Nothing after its release."""
        del subject
        return ()

    # --- the stage ----------------------------------------------------------------------------------------------

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        """Whoever is in charge; what a test leaves is released."""
        made = Bench(tmp_path)
        yield made
        made.clear()

    @pytest.fixture
    def subject(self, bench: Bench, resource: ResourceManager, others: Sequence[ResourceManager]) -> Subject:
        """The resource in question, NEW; what it is connected to is there."""
        return _place(bench, resource, others)

    @pytest.fixture
    def up(self, subject: Subject) -> Subject:
        """The resource in question, STARTED."""
        _start(subject)
        return subject

    @pytest.fixture
    def running(self, up: Subject) -> Subject:
        """The same, if there is something that runs."""
        if not up.manager.overrides(Step.START):
            pytest.skip("it has no hook for start")
        return up

    # --- declarations -------------------------------------------------------------------------------------------

    def test_it_has_a_name_and_is_documented(self, resource: ResourceManager) -> None:
        """`netreel types` and the reference page are made from these."""
        cls = type(resource)
        assert cls.rtype, f'{cls.__name__} has no type name: class {cls.__name__}(ResourceManager, rtype="…")'
        assert cls.__doc__, f"{cls.rtype} has no docstring"
        silent = [name for name, attribute in cls.declared().items() if not attribute.help]
        silent += [trace.name for trace in cls.traces if not trace.help]
        assert silent == [], f"{cls.rtype} does not say what these are: help=…"

    def test_what_it_declares_can_be_logged(self, resource: ResourceManager) -> None:
        """Defaults are values that the attributes take, and everything is plain."""
        check_plain(declare(type(resource)).attributes, f"the defaults of {resource.rtype}")

    def test_its_attributes_come_back_from_the_log(self, resource: ResourceManager) -> None:
        """What was converted once stays as it is."""
        assert type(resource)(**resource.given()).given() == resource.given()

    # --- a life -------------------------------------------------------------------------------------------------

    def test_a_whole_life(self, up: Subject) -> None:
        """Hooks return nothing or a plain receipt, and a release leaves nothing."""
        up.perform(Step.STOP)
        up.perform(Step.RELEASE)
        assert list(self.left(up)) == []

    def test_stop_and_release_may_be_called_again(self, up: Subject) -> None:
        """After a crash they are."""
        for step in (Step.STOP, Step.STOP, Step.RELEASE, Step.RELEASE):
            up.perform(step)
        assert list(self.left(up)) == []

    def test_release_of_what_never_began(self, subject: Subject) -> None:
        """Each experiment that is given up early does this."""
        subject.perform(Step.RELEASE)
        subject.perform(Step.RELEASE)
        assert list(self.left(subject)) == []

    def test_another_controller_undoes_it_without_receipts(self, bench: Bench, subject: Subject) -> None:
        """Receipts can be lost, tokens never are."""
        subject.deploy()
        subject.perform(Step.START, lose_receipt=True)
        bench.crash()
        for step in (Step.STOP, Step.STOP, Step.RELEASE, Step.RELEASE):
            subject.perform(step)
        assert list(self.left(subject)) == []

    def test_another_controller_releases_what_runs(self, bench: Bench, up: Subject) -> None:
        """As `netreel release` does with what a dead controller left."""
        bench.crash()
        up.perform(Step.RELEASE)
        assert list(self.left(up)) == []

    def test_a_second_start_with_one_token_does_nothing(self, bench: Bench, running: Subject) -> None:
        """A command is started at most once per attempt."""
        receipt, left = running.receipts[Step.START], list(self.left(running))
        bench.crash()
        running.perform(Step.START, running.tokens[Step.START])
        assert (running.receipts[Step.START], list(self.left(running))) == (receipt, left)

    def test_live_attributes_can_be_set_while_it_runs(self, up: Subject) -> None:
        """With `on_set`, if the type has it."""
        manager = up.manager
        for name, attribute in manager.declared().items():
            if attribute.when == "live" and not attribute.secret:
                value = getattr(manager, name)
                manager.set_value(name, value, value)

    # --- found again --------------------------------------------------------------------------------------------

    def test_what_never_began_is_not_found(self, bench: Bench, subject: Subject) -> None:
        """A step that had begun according to the log, and nowhere else, is taken again under a new token."""
        for step in _UP:
            if subject.manager.overrides(step):
                bench.crash()
                self._expect(subject, step, NeverBegan(), bench.new_token())
            subject.perform(step)

    def test_what_never_began_never_will(self, bench: Bench, subject: Subject) -> None:
        """The old controller may only be slow: what it starts under that token after all must not begin."""
        self._needs_probe(subject)
        subject.deploy()
        token = bench.new_token()
        assert subject.probe(Step.START, token) == NeverBegan()
        with suppress(Exception):  # it may say why not
            subject.perform(Step.START, token)
        assert subject.probe(Step.START, token) == NeverBegan()

    def test_what_runs_is_found(self, bench: Bench, running: Subject) -> None:
        """However often it is asked for; and its end is told."""
        bench.crash()
        self._expect(running, Step.START, Alive())
        self._expect(running, Step.START, Alive())
        if self.finds_again:
            code = self.end(running)
            assert running.wait_told().code == code

    def test_what_runs_is_found_without_its_receipt(self, bench: Bench, subject: Subject) -> None:
        """The controller died between the effect and the log."""
        self._needs_probe(subject)
        subject.deploy()
        subject.perform(Step.START, lose_receipt=True)
        bench.crash()
        self._expect(subject, Step.START, Alive())
        self._expect(subject, Step.START, Alive())

    def test_an_end_is_told(self, running: Subject) -> None:
        """Once, naming the start that has ended; and it can be stopped and released all the same."""
        code = self.end(running)
        told = running.wait_told()
        assert (told.code, told.token) in ((code, None), (code, running.tokens[Step.START]))
        running.perform(Step.STOP)
        running.perform(Step.RELEASE)

    def test_what_ended_is_found_with_its_status(self, bench: Bench, running: Subject) -> None:
        """However often it is asked for."""
        code = self.end(running)
        running.wait_told()
        bench.crash()
        self._expect(running, Step.START, Ended(code))
        self._expect(running, Step.START, Ended(code))

    # --- what it records, and what it must not ------------------------------------------------------------------

    def test_traces_are_read_whole_and_in_pieces(self, up: Subject) -> None:
        """While it runs, and after it was released on what was collected."""
        self._read_traces(up)
        up.perform(Step.STOP)
        up.perform(Step.RELEASE)
        self._read_traces(up)

    def test_a_trace_that_is_not_there_is_none(self, up: Subject) -> None:
        """So is each trace of what has not begun."""
        manager, name = up.manager, "no trace has this name"
        assert (manager.read_trace(name), manager.trace_size(name)) == (None, None)

    def test_a_cancelled_hook_soon_returns(
        self, bench: Bench, resource: ResourceManager, others: Sequence[ResourceManager]
    ) -> None:
        """Of those that the test class names; one that goes on counts as hung."""
        if not self.heeds_cancel:
            pytest.skip("its test class names no step that heeds it")
        for step in self.heeds_cancel:
            subject = _place(bench, resource, others)
            for earlier in list(Step)[: list(Step).index(step)]:
                subject.perform(earlier)
            with suppress(Exception):  # it may say that it was cancelled
                subject.perform(step, cancelled=True)

    def test_secrets_never_show(
        self,
        bench: Bench,
        resource: ResourceManager,
        others: Sequence[ResourceManager],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Not in receipts, diagnostics, files of the run, arguments of processes, or what it says of itself."""
        secrets = [name for name, attribute in resource.declared().items() if attribute.secret]
        if not secrets:
            pytest.skip("it has no secret attribute")
        monkeypatch.setenv("NETREEL_CONTRACT_SECRET", MARKER)
        caplog.set_level("DEBUG", logger="netreel")
        guarded = type(resource)(**dict.fromkeys(secrets, "env:NETREEL_CONTRACT_SECRET") | resource.given())
        subject = _place(bench, guarded, others)
        _start(subject)
        shown = [repr(subject.receipts), repr(subject.manager), repr(guarded), caplog.text, *_arguments()]
        shown += [path.read_text(errors="replace") for path in bench.port.run_dir.rglob("*") if path.is_file()]
        hidden = {MARKER, *(getattr(guarded, name) for name in secrets)} - {"", None}
        assert [text for text in shown if any(secret in text for secret in hidden)] == []

    # --- helpers ------------------------------------------------------------------------------------------------

    def _needs_probe(self, subject: Subject) -> None:
        if not (self.finds_again and subject.manager.overrides(Step.START)):
            pytest.skip("it is not found again, or has no hook for start")

    def _expect(self, subject: Subject, step: Step, wanted: Outcome, token: str | None = None) -> None:
        found = subject.probe(step, token)
        if self.finds_again:
            assert found == wanted
        else:
            assert isinstance(found, Gone), f"what cannot be found again is Gone, not {found}"

    def _read_traces(self, subject: Subject) -> None:
        manager = subject.manager
        for name in (trace.name for trace in manager.traces):
            whole, size, path = manager.read_trace(name), manager.trace_size(name), manager.trace_path(name)
            assert path is None or isinstance(path, str)
            if whole is None:
                assert size is None, f"trace {name} has a size and no content"
            else:
                assert size is not None, f"trace {name} has content and no size"
                assert size >= len(whole), f"trace {name} became shorter"
                piece, later = manager.read_trace(name, 1, 2) or b"", manager.read_trace(name) or b""
                assert piece.startswith(whole[1:3]), f"a piece of trace {name} is not that of the whole"
                assert later[1:3].startswith(piece), f"trace {name} changed where it had been written"  # it may grow


_UP = (*DEPLOYMENT, Step.START)


def _place(bench: Bench, resource: ResourceManager, others: Sequence[ResourceManager]) -> Subject:
    there: list[Subject] = []
    for other in others:
        there.append(bench.add(other, [each for each in there if _is_linked(other, each.description)]))
        _start(there[-1])
    return bench.add(resource, there)


def _is_linked(one: ResourceManager, other: ResourceManager) -> bool:
    """Whether the one declares a link to the type of the other."""
    return any(link.rtype in other.lineage() for link in one.links.values())


def _start(subject: Subject) -> None:
    for step in _UP:
        subject.perform(step)


def _arguments() -> list[str]:
    """Of all processes of this user, as everybody on the machine can see them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone
            if process.stat().st_uid == os.getuid():
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return found
