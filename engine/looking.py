"""What a controller can be asked about its run without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.core import decide
from engine.core.errors import UsageError
from engine.core.states import ResourceState
from engine.core.values import copied
from engine.dates import to_datetime
from engine.failure import ECState, FailureLevel
from engine.rm import attributes as declarations
from engine.rm.registry import ResourceFactory
from engine.rm.traces import TraceAttr, read_trace

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from engine.core.errors import ResourceFailed
    from engine.core.world import Resource, World
    from engine.failure import FailureManager
    from engine.netgraph import NetGraph
    from engine.runtime.session import Session


class Looking:
    """The reading half of `ExperimentController`. Everything here also works after the end."""

    _session: Session
    _run_dir: Path
    _workers: int
    _fm: FailureManager
    _netgraph: NetGraph | None = None
    _ecstate: ECState

    def __repr__(self) -> str:
        return f"<ExperimentController {self.exp_id} {self.run_id} {self.ecstate.name}>"

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
        return self._workers

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
        return self._session.read(lambda world: world.aborted)

    @property
    def resources(self) -> list[int]:
        """The numbers of all resources, in order of registration."""
        return self._session.read(lambda world: list(world.resources))

    # --- its resources ------------------------------------------------------------------------------------------

    def get(self, guid: int, name: str) -> Any:
        """The value of an attribute: the one that was set, or the default; None where there is neither.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource, or it has no such attribute.
        """
        rtype, attributes = self._session.read(lambda world: _attributes(decide.find(world, guid)))
        attribute = declarations.resolve(ResourceFactory.get_resource_type(rtype).declared(), name, rtype)
        return attributes.get(attribute.name, attribute.initial())

    def state(self, guid: int, hr: bool = False) -> ResourceState | str:
        """The state of a resource, or with `hr` its name.

        Raises:
            UnknownGuid: there is no such resource.
        """
        state = self._session.read(lambda world: decide.find(world, guid).state)
        return state.name if hr else state

    def exit_code(self, guid: int) -> int | None:
        """The exit status of the last end of a resource; None if it had none yet."""
        return self._session.read(lambda world: decide.find(world, guid).exit_code)

    def failure(self, guid: int) -> ResourceFailed | None:
        """Why a resource failed: which step, what was said, and the traceback, if there was one; None if it did not.

        Raises:
            UnknownGuid: there is no such resource.
        """

        def act(world: World) -> ResourceFailed | None:
            resource = decide.find(world, guid)
            return None if resource.error is None else decide.failure(resource)

        return self._session.read(act)

    def get_discover_time(self, guid: int) -> datetime | None:
        """When it was last DISCOVERED; None if it never was."""
        return self._time(guid, ResourceState.DISCOVERED)

    def get_reserved_time(self, guid: int) -> datetime | None:
        """When it was last RESERVED; None if it never was."""
        return self._time(guid, ResourceState.RESERVED)

    def get_provision_time(self, guid: int) -> datetime | None:
        """When it was last PROVISIONED; None if it never was."""
        return self._time(guid, ResourceState.PROVISIONED)

    def get_ready_time(self, guid: int) -> datetime | None:
        """When it was last READY; None if it never was."""
        return self._time(guid, ResourceState.READY)

    def get_start_time(self, guid: int) -> datetime | None:
        """When it was last STARTED; None if it never was."""
        return self._time(guid, ResourceState.STARTED)

    def get_stop_time(self, guid: int) -> datetime | None:
        """When it was last STOPPED; None if it never was."""
        return self._time(guid, ResourceState.STOPPED)

    def get_failed_time(self, guid: int) -> datetime | None:
        """When it FAILED; None if it never did."""
        return self._time(guid, ResourceState.FAILED)

    def get_release_time(self, guid: int) -> datetime | None:
        """When it was RELEASED; None if it never was."""
        return self._time(guid, ResourceState.RELEASED)

    def _time(self, guid: int, state: ResourceState) -> datetime | None:
        time = self._session.read(lambda world: decide.find(world, guid).times.get(state))
        return None if time is None else to_datetime(time)

    def trace(
        self, guid: int, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0
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
        self._session.read(lambda world: decide.find(world, guid))
        try:
            return read_trace(self._session.manager(guid), name, TraceAttr(attr), block, offset)
        except UsageError:
            raise
        except (TypeError, ValueError) as error:
            raise UsageError(f"trace {name!r} of #{guid}: {error}") from error


def _attributes(resource: Resource) -> tuple[str, dict[str, Any]]:
    """The type of a resource and the values that were set, for a caller who may change them."""
    return resource.rtype, copied(resource.attributes)
