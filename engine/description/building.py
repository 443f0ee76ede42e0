"""A controller from a description: everything is checked before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from engine.core.errors import UsageError
from engine.description.drafting import Draft

if TYPE_CHECKING:
    from engine.controller import ExperimentController
    from engine.description.model import Description

_EC = TypeVar("_EC", bound="ExperimentController")


def build(description: Description, controller: type[_EC], **options: Any) -> _EC:
    """A new controller with everything that a description says, ready to deploy.

    Args:
        description: the experiment.
        controller: the class of the controller.
        options: as for a new controller; by default the experiment keeps its name.

    Raises:
        BadDescription: the experiment cannot be made, with all reasons that can be seen at once; nothing was made.
        UsageError: an option is wrong.
    """
    for name in ("add_node_callback", "add_edge_callback"):
        if options.get(name) is not None:
            raise UsageError(f"{name}: the resources are those of the description; leave it out")
    draft = prepare(description)
    ec = controller(**{"exp_id": description.exp_id, **options})
    try:
        ec._calls.ask(lambda kernel: kernel.emit_all(draft.events))
        if draft.netgraph is not None:
            ec._netgraph = draft.netgraph
            ec._record(draft.netgraph)
    except BaseException:
        ec.shutdown()
        raise
    return ec


def prepare(description: Description) -> Draft:
    """All that a new controller would record of a description.

    Raises:
        BadDescription: the experiment cannot be made, with all reasons that can be seen at once.
    """
    draft = Draft(description)
    draft.draw_up()
    draft.refuse_problems()
    return draft


def problems(description: Description) -> tuple[str, ...]:
    """What keeps an experiment from being made, or from being deployed as a whole; nothing if all is well."""
    draft = Draft(description)
    draft.draw_up()
    if not draft.problems:
        draft.try_to_deploy()
    return tuple(draft.problems)
