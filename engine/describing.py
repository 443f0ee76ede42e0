"""The half of a controller with which an experiment is described."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec

from engine import from_graph, home, warning
from engine.arguments import check_action, check_state
from engine.core import decide, events, revise
from engine.core.errors import UnknownResourceType, UsageError, nearest
from engine.core.values import check_plain
from engine.dates import to_ns
from engine.failure import ECState
from engine.handles import guid_of, guids_of, number_of
from engine.looking import Looking
from engine.rm import attributes as declarations
from engine.rm.base import ResourceManager
from engine.rm.registry import ResourceFactory, declare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from os import PathLike
    from pathlib import Path

    from engine.controller import ExperimentController
    from engine.core.kernel import Kernel
    from engine.core.states import ResourceAction, ResourceState
    from engine.core.world import World
    from engine.dates import Duration
    from engine.description import Description, SFormats
    from engine.handles import Guid, Guids, Handle
    from engine.netgraph import NetGraph
    from engine.plot import PFormats
    from engine.rm.traces import Trace


class Describing(Looking):
    """The describing half of `ExperimentController`."""

    def batch(self) -> AbstractContextManager[None]:
        """Describe much at once: what is asked within is on disk when the block ends, not each by itself before.

        ``with ec.batch():`` around a loop that describes makes it several times as fast, and changes nothing else:
        each call returns what it would, sees all that was described before it, and is refused at once if it is wrong.
        The log is the same. What is scheduled and deployed within takes effect once it is on disk.

        It is no transaction. What came before an exception, or before Ctrl-C, is kept and written. If the process is
        killed, a beginning of what was described is in the log, in whole calls; a script that is run again goes on
        behind them. Nor does it keep anybody waiting: what is asked or heard meanwhile, by other threads, or by a call
        that waits or does something outside (`wait_started`, `step`, `release`), has all that came before it written
        first, so whatever others see is on disk. A block counts for its own thread; one in another is a part of that.

        Raises:
            LogError: at the end of the block: it could not be written.
        """
        return self._calls.batch()

    # --- resources ----------------------------------------------------------------------------------------------

    def register_resource(self, rtype: str, guid: int | None = None, **attributes: Any) -> int:
        """Describe a resource.

        Args:
            rtype: its type, such as ``"linux::Application"``.
            guid: its number; by default the next one above the highest ever used.
            attributes: values of its attributes. ``connectedTo=`` a guid, or a list of them, connects it;
                ``autoDeploy=True`` deploys it at once; ``label=`` is a name for it, as for `add`, unless its type has
                an attribute of that name.

        Returns:
            Its number.

        Raises:
            UnknownResourceType, BadAttribute, BadState, UnknownGuid, BadConnection: nothing has been registered.
        """
        cls = ResourceFactory.get_resource_type(rtype)
        number = None if guid is None else number_of(guid)
        label = None if "label" in cls.declared() else attributes.pop("label", None)
        auto_deploy = declarations.to_bool(attributes.pop("autoDeploy", False), "autoDeploy")
        connect_to = guids_of(self, attributes.pop("connectedTo", ()))
        values = declarations.convert(cls.declared(), attributes, rtype)
        return self._register(cls, number, values, connect_to, auto_deploy=auto_deploy, label=label)

    def add(self, spec: ResourceManager, on: Guids | None = None, label: str | None = None) -> Handle:
        """Describe a resource by its class, which type checkers know: ``ec.add(Ping(target="10.0.0.2"), on=node)``.

        Args:
            spec: the description: a class of a resource type that was called with its attributes.
            on: what it is connected to: one, or several.
            label: a name for it, unique in the experiment: messages show it, and it is accepted wherever a guid is.

        Raises:
            UnknownResourceType, BadState, UnknownGuid, BadConnection: nothing has been registered.
        """
        if not isinstance(spec, ResourceManager):
            raise UnknownResourceType(f"add takes a description such as Ping(target=…), not {spec!r}")
        ResourceFactory.make_known(type(spec))
        connect_to = () if on is None else guids_of(self, on)
        return self._handle(self._register(type(spec), None, spec.given(), connect_to, label=label))

    def _register(
        self,
        cls: type[ResourceManager],
        guid: int | None,
        values: dict[str, Any],
        connect_to: Sequence[int],
        *,
        auto_deploy: bool = False,
        label: str | None = None,
    ) -> int:
        check_plain(values, f"the attributes of {cls.rtype} together")
        declared = declare(cls)

        made = self._ask_warning(
            lambda world: decide.register(
                world, declared, guid, values, connect_to=connect_to, auto_deploy=auto_deploy, label=label
            )
        )
        if self._ecstate is ECState.RELEASED:
            self._ecstate = ECState.RUNNING
        return next(event.guid for event in made if isinstance(event, events.ResourceRegistered))

    def remove_resource(self, guid: Guid) -> None:
        """Take a resource back, as if it had never been described. Its number is not given again.

        Raises:
            UnknownGuid: there is no such resource.
            BadState: it is deployed and not released, or others are connected to it or wait for it.
        """
        number = guid_of(self, guid)
        self._change(lambda kernel: revise.remove(kernel.world, number))

    # --- connections and conditions -----------------------------------------------------------------------------

    def register_connection(self, guid1: Guid, guid2: Guid) -> None:
        """Connect two resources. Both sides agree or none; twice is once.

        Raises:
            UnknownGuid, BadConnection: it was refused.
        """
        one, two = guid_of(self, guid1), guid_of(self, guid2)
        self._change(lambda kernel: decide.connect(kernel.world, one, two))

    def unregister_connection(self, guid1: Guid, guid2: Guid) -> None:
        """Take a connection back, for both sides. Where there is none, nothing happens.

        Raises:
            UnknownGuid: one of them is not there.
            BadConnection: one of them stands on the other, and is not released.
        """
        one, two = guid_of(self, guid1), guid_of(self, guid2)
        self._change(lambda kernel: revise.disconnect(kernel.world, one, two))

    def register_condition(
        self,
        guids1: Guids,
        action: ResourceAction,
        guids2: Guids,
        state: ResourceState,
        time: Duration | None = None,
    ) -> None:
        """Hold back an action until others have got somewhere.

        `action` on each of `guids1` happens only once every one of `guids2` has reached `state` and `time` has gone
        by since the last of them did. Several conditions on one action must all hold.

        Raises:
            UnknownGuid, UsageError: one of them is not there, or something else is none that can be given.
            BadCondition: it makes no sense, can never hold, or comes too late: the action has come already.
        """
        self.register_conditions(guids1, action, {check_state(state): guids_of(self, guids2)}, time)

    def register_conditions(
        self, guids1: Guids, action: ResourceAction, goals: Mapping[ResourceState, Sequence[int]], time: Duration | None
    ) -> None:
        """Several conditions at once, by the state that others are to reach: all of them, or none if one is refused."""
        waiting, action = guids_of(self, guids1), check_action(action)
        delay = 0 if time is None else to_ns(time)
        self._change(
            lambda kernel: [
                event
                for state, awaited in goals.items()
                for event in decide.add_condition(kernel.world, waiting, action, awaited, state, delay)
            ]
        )

    def unregister_condition(self, guids1: Guids, guids2: Guids, action: ResourceAction | None = None) -> None:
        """Take `guids2` out of the conditions of `guids1`, on one action or on all. One left empty is gone.

        Raises:
            UnknownGuid, BadCondition: there is no such resource, or no such condition.
        """
        waiting, on = guids_of(self, guids1), guids_of(self, guids2)
        which = None if action is None else check_action(action)
        self._change(lambda kernel: revise.drop_conditions(kernel.world, waiting, on, which))

    # --- attributes ---------------------------------------------------------------------------------------------

    def set(self, guid: Guid, name: str, value: Any) -> None:
        """Set an attribute. The value is checked and converted by the type that is declared.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource or attribute, or the value is none that it takes.
            BadState: it is too late to set it.
        """
        number = guid_of(self, guid)

        def prepare(rtypes: list[str]) -> Callable[[Kernel], None]:
            attribute, new = _value(rtypes[0], name, value)
            return lambda kernel: kernel.emit_all(
                [decide.set_attribute(decide.find(kernel.world, number), attribute.name, new, attribute.when)]
            )

        self._calls.describe_typed([number], prepare)

    def set_with_conditions(
        self,
        name: str,
        value: Any,
        guids1: Guids,
        guids2: Guids,
        state: ResourceState,
        time: Duration | None = None,
    ) -> None:
        """Set an attribute of running resources later.

        Each of `guids1` gets the value while it is STARTED, once every one of `guids2` has reached `state` and `time`
        has gone by since the last of them did. What is waited for counts as for `register_condition`.

        Raises:
            UnknownGuid, BadAttribute, BadCondition, BadState, UsageError: it was refused; nothing is planned.
        """
        waiting, awaited, state = guids_of(self, guids1), guids_of(self, guids2), check_state(state)
        delay = 0 if time is None else to_ns(time)

        def prepare(rtypes: list[str]) -> Callable[[Kernel], None]:
            planned: dict[tuple[str, str], tuple[list[int], Any]] = {}  # by name and way of setting: who, and what
            for guid, rtype in zip(waiting, rtypes, strict=True):
                attribute, new = _value(rtype, name, value)
                planned.setdefault((attribute.name, attribute.when), ([], new))[0].append(guid)
            return lambda kernel: kernel.emit_all(
                [
                    event
                    for (key, when), (guids, new) in planned.items()
                    for event in revise.plan_value(kernel.world, key, new, when, guids, awaited, state, delay)
                ]
            )

        self._calls.describe_typed(waiting, prepare)

    def set_global(self, rtype: str, name: str, value: Any) -> None:
        """Set an attribute for all resources of a type that are given no value of their own, now or later.

        Raises:
            UnknownResourceType, BadAttribute: there is no such type or attribute, or it does not take the value.
            BadState: some of those resources have begun, and the attribute can only be set before.
        """
        attribute, new = _value(rtype, name, value)
        self._change(lambda kernel: revise.set_global(kernel.world, rtype, attribute.name, new, attribute.when))

    # --- traces -------------------------------------------------------------------------------------------------

    def enable_trace(self, guid: Guid, name: str) -> None:
        """Have a trace recorded.

        Raises:
            UnknownGuid, UsageError: there is no such resource, or its type has no such trace.
            BadState: it has ended for good.
        """
        self._switch(guid_of(self, guid), name, enabled=True)

    def disable_trace(self, guid: Guid, name: str) -> None:
        """Have a trace not recorded; see `enable_trace`."""
        self._switch(guid_of(self, guid), name, enabled=False)

    def _switch(self, guid: int, name: str, *, enabled: bool) -> None:
        def prepare(rtypes: list[str]) -> Callable[[Kernel], None]:
            _check_trace(rtypes[0], name)
            return lambda kernel: kernel.emit_all(revise.switch_trace(kernel.world, guid, name, enabled=enabled))

        self._calls.describe_typed([guid], prepare)

    def trace_enabled(self, guid: Guid, name: str) -> bool:
        """Whether a trace is recorded.

        Raises:
            UnknownGuid, UsageError: there is no such resource, or its type has no such trace.
        """
        number = guid_of(self, guid)
        _check_trace(self.rtype(number), name)
        return self._calls.read(lambda world: world.trace_enabled(decide.find(world, number), name))

    def get_traces(self, guid: Guid) -> list[Trace]:
        """The traces of a resource, each with whether it is recorded.

        Raises:
            UnknownGuid: there is no such resource.
        """
        number = guid_of(self, guid)
        declared = ResourceFactory.get_resource_type(self.rtype(number)).traces
        return [msgspec.structs.replace(it, enabled=self.trace_enabled(number, it.name)) for it in declared]

    # --- the whole ----------------------------------------------------------------------------------------------

    def save(self, dirpath: str | PathLike[str] | None = None, format: SFormats | None = None) -> Path:  # noqa: A002
        """Write the description to a file, from which `load` makes another controller.

        Args:
            dirpath: the directory; by default that of the run.
            format: by default XML.

        Returns:
            Its path: ``<exp_id>_<run_id>`` and what tells the format; an earlier one is not overwritten.
        """
        from engine import description  # noqa: PLC0415 - few need it

        format = format or description.SFormats.XML  # noqa: A001
        return description.save(self._description(), dirpath or self.run_dir, self.run_id, format)

    def serialize(self, format: SFormats | None = None) -> str:  # noqa: A002
        """The description as a text, as `save` writes it."""
        from engine import description  # noqa: PLC0415 - as above

        return description.to_text(self._description(), format or description.SFormats.XML)

    def _description(self) -> Description:
        from engine.description import from_world  # noqa: PLC0415 - as above

        return self._calls.read(lambda world: from_world(world, self.netgraph))

    @classmethod
    def load(
        cls,
        filepath: str | PathLike[str],
        format: SFormats | None = None,  # noqa: A002
        **options: Any,
    ) -> ExperimentController:
        """A new controller with the description that a file holds, ready to deploy.

        Args:
            filepath: what `save` wrote, or NEPI, or another program whose files can be read (``.clab.yml``).
            format: by default what its name or its content says.
            options: as for a new controller; by default the name of the experiment is that of the file.

        Raises:
            UsageError: the file cannot be read, or the experiment cannot be made; nothing is left behind.
        """
        from engine import description  # noqa: PLC0415 - few need it

        controller = cast("type[ExperimentController]", cls)
        found = description.read(filepath, format)
        for remark in found.remarks:
            warning.warn(f"{filepath}: {remark}")
        return description.build(found, controller, **options)

    def plot(
        self,
        dirpath: str | PathLike[str] | None = None,
        format: PFormats | None = None,  # noqa: A002
        show: bool = False,
    ) -> Path:
        """Draw the resources with their states, connections and conditions.

        Args:
            dirpath: the directory; by default that of the run.
            format: by default FIGURE, a PNG.
            show: whether to show it, too.

        Returns:
            The path of the file: ``<exp_id>_<run_id>`` and what tells the format.
        """
        from engine import plot  # noqa: PLC0415 - as above

        directory = home.make_directory(self.run_dir if dirpath is None else dirpath)
        return plot.write(self._calls.read(plot.draw), directory, format or plot.PFormats.FIGURE, show=show)

    def _record(self, netgraph: NetGraph) -> None:
        """Have a topology in the log."""
        described = from_graph.to_events(netgraph)
        self._calls.describe(lambda kernel: kernel.emit_all(described))

    def _ask_warning(self, decided: Callable[[World], list[events.Event]]) -> list[events.Event]:
        """Have what was asked decided, and on disk; and tell the caller what may be amiss before that.

        So where warnings are errors, a call that raises one has done nothing.
        """

        def act(kernel: Kernel, *, warned: bool) -> tuple[list[events.Event], list[str]]:
            made = decided(kernel.world)
            doubts = [event.message for event in made if isinstance(event, events.ExperimentWarned)]
            if warned or not doubts:
                kernel.emit_all(made)
            return made, doubts

        made, doubts = self._calls.describe(partial(act, warned=False))
        if doubts:
            for message in doubts:
                warning.warn(message)
            made, _ = self._calls.describe(partial(act, warned=True))
        return made

    def _change(self, decided: Callable[[Kernel], list[events.Event]]) -> None:
        """Have what was asked decided, and on disk."""
        self._calls.describe(lambda kernel: kernel.emit_all(decided(kernel)))


def _value(rtype: str, name: str, value: Any) -> tuple[declarations.Attribute, Any]:
    """An attribute of a type, and a value as it takes it. The type's own check is no part of a turn."""
    attribute = declarations.resolve(ResourceFactory.get_resource_type(rtype).declared(), name, rtype)
    return attribute, attribute.convert(value, rtype)


def _check_trace(rtype: str, name: str) -> None:
    names = [trace.name for trace in ResourceFactory.get_resource_type(rtype).traces]
    if name not in names:
        raise UsageError(f"{rtype} has no trace {name!r} to switch; {nearest(str(name), names)}")
