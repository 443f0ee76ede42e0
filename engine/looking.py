"""What a controller can be asked about its run without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from engine import notebook
from engine.core import decide
from engine.core.errors import UsageError
from engine.core.states import ResourceState
from engine.core.values import copied
from engine.dates import to_datetime
from engine.failure import ECState, FailureLevel
from engine.handles import Handle, guid_of
from engine.rm import attributes as declarations
from engine.rm.registry import ResourceFactory
from engine.rm.traces import TraceAttr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from engine.calls import Calls
    from engine.controller import ExperimentController
    from engine.core.errors import ResourceFailed
    from engine.core.world import Resource, World
    from engine.failure import FailureManager
    from engine.handles import Guid
    from engine.netgraph import NetGraph
    from engine.rm.attributes import Attribute, AttributeValue
    from engine.runtime.machine import Terms
    from engine.runtime.session import Session


_T = TypeVar("_T")


class Looking:
    """The reading half of `ExperimentController`. Everything here also works after the end."""

    _calls: Calls
    _run_dir: Path
    _terms: Terms
    _fm: FailureManager
    _netgraph: NetGraph | None = None
    _ecstate: ECState

    def __repr__(self) -> str:
        return f"<ExperimentController {self.exp_id} {self.run_id} {self.ecstate.name}>"

    def _repr_html_(self) -> str:
        """How it stands, in a notebook."""
        title, state = f"{self.exp_id}  {self.run_id}", self.ecstate.name
        return self._calls.read(
            lambda world: notebook.experiment(
                title, state, [notebook.row_of(world, each) for each in world.resources.values()]
            )
        )

    def _html_of(self, guid: int) -> str:
        """How one of its resources stands, for `Handle`."""

        def told(world: World) -> str:
            resource = decide.find(world, guid)
            return notebook.resource(notebook.row_of(world, resource), world.values(resource))

        return self._calls.read(told)

    @property
    def _session(self) -> Session:
        return self._calls.session

    # --- the run ------------------------------------------------------------------------------------------------

    @property
    def exp_id(self) -> str:
        """The name of the experiment."""
        return self._run_dir.parent.name

    @property
    def run_id(self) -> str:
        """The name of this run: unique, and sorted by time."""
        return self._run_dir.name

    @property
    def local_dir(self) -> Path:
        """Where experiments are kept."""
        return self._run_dir.parent.parent

    @property
    def exp_dir(self) -> Path:
        """Where the runs of this experiment are kept."""
        return self._run_dir.parent

    @property
    def run_dir(self) -> Path:
        """Where the files of this run are kept."""
        return self._run_dir

    @property
    def nthreads(self) -> int:
        """How many hooks may run at once."""
        return self._terms.workers

    @property
    def persist(self) -> bool:
        """Whether the description is saved in `run_dir` when everything is released."""
        return self._calls.read(lambda world: world.persist)

    @property
    def fm(self) -> FailureManager:
        """The failure policy."""
        return self._fm

    @property
    def netgraph(self) -> NetGraph | None:
        """The topology that the experiment is described from, if it is."""
        return self._netgraph

    @property
    def failure_level(self) -> FailureLevel:
        """How far the worst failure so far has reached."""
        if self._ecstate is ECState.FAILED:
            return FailureLevel.EC_FAILURE
        return FailureLevel.RM_FAILURE if self.abort else FailureLevel.OK

    @property
    def ecstate(self) -> ECState:
        """What this controller is doing."""
        return self._ecstate

    @property
    def abort(self) -> bool:
        """Whether the experiment was aborted."""
        return self._calls.read(lambda world: world.aborted)

    @property
    def resources(self) -> list[int]:
        """The numbers of all resources, in order of registration."""
        return self._calls.read(lambda world: list(world.resources))

    # --- its resources ------------------------------------------------------------------------------------------

    def __getitem__(self, guid: Guid) -> Handle:
        """The handle of a resource, by its number or its label."""
        return self.get_resource(guid)

    def labelled(self, label: str) -> int:
        """The number of the resource of that label.

        Raises:
            UnknownGuid: there is none.
        """
        return self._calls.read(lambda world: decide.find_label(world, label))

    def __contains__(self, guid: object) -> bool:
        """Whether there is such a resource: a number, a label or a handle."""
        try:
            self[guid]  # type: ignore[index]  # what is no guid is not there
        except UsageError:
            return False
        return True

    def __iter__(self) -> Iterator[Handle]:
        """The handles of all resources, in order of registration."""
        return iter([self._handle(guid) for guid in self.resources])

    def get_resource(self, guid: Guid) -> Handle:
        """The handle of a resource.

        Raises:
            UnknownGuid: there is no such resource.
        """
        return self._handle(self._look(guid, lambda resource: resource.guid))

    def filter_resources(self, rtype: str) -> list[int]:
        """The numbers of all resources of a type, or of one that extends it, in order of registration.

        Raises:
            UnknownResourceType: there is no such type.
        """
        ResourceFactory.get_resource_type(rtype)
        return self._calls.read(
            lambda world: [guid for guid, it in world.resources.items() if rtype in world.types[it.rtype].lineage]
        )

    def get_resources_by_type(self, rtype: str) -> list[Handle]:
        """The handles of those; see `filter_resources`."""
        return [self._handle(guid) for guid in self.filter_resources(rtype)]

    def _handle(self, guid: int) -> Handle:
        return Handle(cast("ExperimentController", self), guid)

    def _look(self, guid: Guid, act: Callable[[Resource], _T]) -> _T:
        """What can be seen of a resource as it stands."""
        number = guid_of(self, guid)
        return self._calls.read(lambda world: act(decide.find(world, number)))

    def rtype(self, guid: Guid) -> str:
        """The name of the type of a resource."""
        return self._look(guid, lambda resource: resource.rtype)

    def label(self, guid: Guid) -> str | None:
        """The user's name for a resource, if there is one."""
        return self._look(guid, lambda resource: resource.label)

    def get(self, guid: Guid, name: str) -> Any:
        """The value of an attribute: its own, else that of its type, else the default; None where there is none.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource, or it has no such attribute.
        """
        return self.get_attribute(guid, name).value

    def get_attribute(self, guid: Guid, name: str) -> AttributeValue:
        """An attribute of a resource, with its value, default, help, type and choices.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource, or it has no such attribute.
        """
        rtype, declared, values = self._declared(guid)
        return _view(declarations.resolve(declared, name, rtype), values)

    def get_attributes(self, guid: Guid) -> list[AttributeValue]:
        """All attributes of a resource; see `get_attribute`."""
        _, declared, values = self._declared(guid)
        return [_view(attribute, values) for attribute in declared.values()]

    def _declared(self, guid: Guid) -> tuple[str, Mapping[str, Attribute], dict[str, Any]]:
        """The type of a resource, the attributes that it declares, and the values that differ from their defaults."""
        number = guid_of(self, guid)

        def look(world: World) -> tuple[str, dict[str, Any]]:
            resource = decide.find(world, number)
            return resource.rtype, copied(world.values(resource))

        rtype, values = self._calls.read(look)
        return rtype, ResourceFactory.get_resource_type(rtype).declared(), values

    def get_global(self, rtype: str, name: str) -> Any:
        """The value of an attribute for resources of a type that have none of their own.

        Raises:
            UnknownResourceType, BadAttribute: there is no such type, or it has no such attribute.
        """
        cls = ResourceFactory.get_resource_type(rtype)
        attribute = declarations.resolve(cls.declared(), name, rtype)
        by_type = self._calls.read(lambda world: copied(world.globals))
        values = (by_type[known] for known in cls.lineage() if attribute.name in by_type.get(known, ()))
        return next(values, {attribute.name: attribute.initial()})[attribute.name]

    @overload
    def state(self, guid: Guid, hr: Literal[False] = False) -> ResourceState: ...
    @overload
    def state(self, guid: Guid, hr: Literal[True]) -> str: ...
    @overload
    def state(self, guid: Guid, hr: bool) -> ResourceState | str: ...
    def state(self, guid: Guid, hr: bool = False) -> ResourceState | str:
        """The state of a resource, or with `hr` its name.

        Raises:
            UnknownGuid: there is no such resource.
        """
        state = self._look(guid, lambda resource: resource.state)
        return state.name if hr else state

    def exit_code(self, guid: Guid) -> int | None:
        """The exit status of the last end of a resource; None if it had none yet."""
        return self._look(guid, lambda resource: resource.exit_code)

    def failure(self, guid: Guid) -> ResourceFailed | None:
        """Why a resource failed: which step, what was said, and the traceback, if there was one; None if it did not.

        Its ``__cause__`` is what the hook raised, unless that was in another process or would tell a secret.

        Raises:
            UnknownGuid: there is no such resource.
        """
        # In a list, because an exception that comes back from the coordinator is raised.
        found = self._look(guid, lambda resource: [] if resource.error is None else [decide.failure(resource)])
        if not found:
            return None
        self._calls.name_causes(found[0])
        return found[0]

    def get_discover_time(self, guid: Guid) -> datetime | None:
        """When it was last DISCOVERED; None if it never was."""
        return self._time(guid, ResourceState.DISCOVERED)

    def get_reserved_time(self, guid: Guid) -> datetime | None:
        """When it was last RESERVED; None if it never was."""
        return self._time(guid, ResourceState.RESERVED)

    def get_provision_time(self, guid: Guid) -> datetime | None:
        """When it was last PROVISIONED; None if it never was."""
        return self._time(guid, ResourceState.PROVISIONED)

    def get_ready_time(self, guid: Guid) -> datetime | None:
        """When it was last READY; None if it never was."""
        return self._time(guid, ResourceState.READY)

    def get_start_time(self, guid: Guid) -> datetime | None:
        """When it was last STARTED; None if it never was."""
        return self._time(guid, ResourceState.STARTED)

    def get_stop_time(self, guid: Guid) -> datetime | None:
        """When it was last STOPPED; None if it never was."""
        return self._time(guid, ResourceState.STOPPED)

    def get_failed_time(self, guid: Guid) -> datetime | None:
        """When it FAILED; None if it never did."""
        return self._time(guid, ResourceState.FAILED)

    def get_release_time(self, guid: Guid) -> datetime | None:
        """When it was RELEASED; None if it never was."""
        return self._time(guid, ResourceState.RELEASED)

    def _time(self, guid: Guid, state: ResourceState) -> datetime | None:
        time = self._look(guid, lambda resource: resource.times.get(state))
        return None if time is None else to_datetime(time)

    @overload
    def trace(
        self,
        guid: Guid,
        name: str,
        attr: Literal[TraceAttr.ALL, TraceAttr.STREAM, TraceAttr.PATH] = TraceAttr.ALL,
        block: int = 512,
        offset: int = 0,
    ) -> str | None: ...
    @overload
    def trace(
        self, guid: Guid, name: str, attr: Literal[TraceAttr.BYTES], block: int = 512, offset: int = 0
    ) -> bytes | None: ...
    @overload
    def trace(
        self, guid: Guid, name: str, attr: Literal[TraceAttr.SIZE], block: int = 512, offset: int = 0
    ) -> int | None: ...
    @overload
    def trace(
        self, guid: Guid, name: str, attr: TraceAttr, block: int = 512, offset: int = 0
    ) -> str | bytes | int | None: ...
    def trace(
        self, guid: Guid, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0
    ) -> str | bytes | int | None:
        """What a resource recorded; None where there is no such trace yet.

        Args:
            guid: the resource.
            name: the trace, such as ``"stdout"``.
            attr: what is asked: all of it as text, one block as text, its path, its size in bytes, or all of its bytes.
            block: bytes in a block, for STREAM.
            offset: how many blocks to skip, for STREAM.

        Raises:
            UnknownGuid: there is no such resource.
            UsageError: what is asked makes no sense.
        """
        number = self._look(guid, lambda resource: resource.guid)
        try:
            return self._calls.trace(number, name, TraceAttr(attr), block, offset)
        except UsageError:
            raise
        except (TypeError, ValueError) as error:
            raise UsageError(f"trace {name!r} of #{number}: {error}") from error


def _view(attribute: Attribute, values: Mapping[str, Any]) -> AttributeValue:
    return declarations.view(attribute, values.get(attribute.name, attribute.initial()))
