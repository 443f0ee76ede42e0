"""`netns::Frr`: routing daemons of FRR in a node."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar, Final

from engine.core.errors import BadState
from engine.core.states import ResourceState, Step
from engine.rm.attributes import attr
from engine.rm.links import link
from engine.rm.outcomes import Alive
from engine.rm.traces import Trace
from engine.rm.transport import CommandFailed
from rms import shell
from rms._patience import until_answered
from rms.linux._tool import Tool
from rms.linux.application import Application
from rms.netns import frr_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome

_PROGRAM: Final = resources.files("rms.netns").joinpath("frr.sh").read_text("utf-8")
_PATH: Final = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"\n'
_CHECK: Final = f"{_PATH}exec vtysh --dryrun --inputfile /dev/stdin 2>&1"
_ASK: Final = f"""{_PATH}
cd "$1" && shift || exit
for command; do vtysh --vty_socket . --config_dir . --command "$command" && printf '\\0' || exit; done
"""

_DAEMONS: Final = ("babeld", "bfdd", "eigrpd", "isisd", "ldpd", "ospf6d", "pbrd", "pimd", "ripd", "ripngd", "staticd")
_AWAIT: Final = 'cd "$1" && until [ -s ready ] || [ -L ../exit ]; do sleep 0.05; done'
_PATIENCE: Final = 60.0  # seconds: frr.sh gives up earlier
_ASKED: Final = {
    "routes": {"ipv4": ("zebra", "show ip route json"), "ipv6": ("zebra", "show ipv6 route json")},
    "neighbours": {
        "ospf": ("ospfd", "show ip ospf neighbor json"),
        "ospf6": ("ospf6d", "show ipv6 ospf6 neighbor json"),
        "bgp": ("bgpd", "show bgp summary json"),
    },
}
"""For each trace what it has: which daemon is asked, and what."""


def _check_daemons(daemons: list[str]) -> None:
    for daemon in daemons:
        if daemon not in _DAEMONS:
            raise ValueError(f"{daemon!r} is no daemon that can be added; there are {', '.join(_DAEMONS)}")


class Frr(Tool, rtype="netns::Frr"):
    """Routing daemons of FRR in a node: OSPF, BGP, and whatever else the user's own configuration asks for.

    It is STARTED once all of its daemons run and have taken the configuration; what they find out comes after that.
    That a node passes packets on is an attribute of the node.
    """

    endless = True
    router_id: str | None = attr(
        default=None, check=frr_config.check_router_id, help="Its name among routers, as 10.255.0.1; by default an own."
    )
    ospf_areas: dict[str, str] = attr(
        default={}, check=frr_config.check_areas, help="Areas of the interfaces that OSPF has, as {'eth0': '0'}."
    )
    ospf_costs: dict[str, int] = attr(
        default={}, check=frr_config.check_costs, help="What it costs to send through an interface, as {'eth0': 10}."
    )
    ospf_passive: list[str] = attr(
        default=[], check=frr_config.check_interfaces, help="Interfaces with networks to tell of, but no neighbours."
    )
    ospf_network: str = attr(
        default="point-to-point",
        choices=("point-to-point", "broadcast"),
        help="What is behind an interface: a cable, or a switch.",
    )
    ospf_hello: int | None = attr(default=None, ge=1, le=65535, help="Seconds between two hellos; by default 10.")
    ospf_dead: int | None = attr(
        default=None, ge=1, le=65535, help="Seconds without a hello, after which a neighbour is gone; by default 40."
    )
    ospf_lsa_interval: float | None = attr(
        default=None, ge=0, le=5, help="Least seconds between two versions of one piece of news (LSA); by default 5."
    )
    ospf_redistribute: list[str] = attr(
        default=[],
        check=frr_config.check_sources,
        help="Where else OSPF has routes to tell of from: connected, bgp, ...",
    )
    bgp_as: int | None = attr(default=None, ge=1, le=2**32 - 1, help="Number of its AS, if it is to speak BGP.")
    bgp_neighbours: dict[str, int] = attr(
        default={}, check=frr_config.check_neighbours, help="AS of each neighbour, by address: {'10.0.0.2': 65002}."
    )
    bgp_networks: list[str] = attr(
        default=[], check=frr_config.check_networks, help="Networks that BGP tells of, if there is a route to them."
    )
    bgp_keepalive: int | None = attr(default=None, ge=1, le=65535, help="Seconds between two signs of life; else 60.")
    bgp_hold: int | None = attr(
        default=None, ge=3, le=65535, help="Seconds without one, after which a neighbour is gone; by default 180."
    )
    bgp_redistribute: list[str] = attr(
        default=[],
        check=frr_config.check_sources,
        help="Where else BGP has routes to tell of from: connected, ospf, ...",
    )
    daemons: list[str] = attr(default=[], check=_check_daemons, help="Daemons besides zebra, ospfd and bgpd.")
    config: str | None = attr(default=None, help="Lines of FRR's own configuration, which come after all the others.")

    node = link("netns::Node", min=1, max=1, after=ResourceState.READY, before="provision")
    traces: ClassVar[tuple[Trace, ...]] = (
        *Application.traces,
        Trace("log", "What the daemons log."),
        Trace("routes", "All routes that they know, as JSON: now, or when it was stopped."),
        Trace("neighbours", "The neighbours that they have, as JSON: now, or when it was stopped."),
    )

    program = "vtysh"
    packages: ClassVar = {"": "frr"}

    # --- what is run --------------------------------------------------------------------------------------------

    def command_line(self) -> str:
        """See `Tool.command_line`. Files, since arguments can be seen by others."""
        texts = {"frr.conf": frr_config.text(self, self.host.hostname), "frr.sh": _PROGRAM}
        written = "".join(f"printf %s {shell.words([text])} >{name}\n" for name, text in texts.items())
        return f"umask 077\n{written}exec unshare --mount -- sh ./frr.sh {shell.words(self._running)}"

    @property
    def _running(self) -> list[str]:
        """The daemons besides zebra."""
        own = self.config or ""
        ospf = ["ospfd"] if self.ospf_areas or "router ospf\n" in own else []
        bgp = ["bgpd"] if self.bgp_as is not None or "router bgp" in own else []
        return [*ospf, *bgp, *self.daemons]

    # --- hooks --------------------------------------------------------------------------------------------------

    def check_possible(self) -> None:
        """See `Application.check_possible`."""
        super().check_possible()
        if self.bgp_neighbours and self.bgp_as is None:
            raise BadState("it has neighbours of BGP, and no AS: set bgp_as")
        strangers = sorted({*self.ospf_costs, *self.ospf_passive} - set(self.ospf_areas))
        if strangers:
            raise BadState(f"OSPF does not have {', '.join(strangers)}: give each an area in ospf_areas")

    def provision(self, intent: Intent) -> dict[str, Any]:
        """As for a tool; then have the configuration looked at."""
        receipt = super().provision(intent)
        config = shell.encoded("the configuration", frr_config.text(self, self.host.hostname))
        until_answered(intent, self.log, self.host.run, "the configuration of FRR", _CHECK, stdin=config)
        return receipt

    def start(self, intent: Intent) -> dict[str, Any]:
        """Start the daemons, and wait until they have taken the configuration."""
        receipt = super().start(intent)
        until_answered(intent, self.log, self._check_begun, intent.token)
        return receipt

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Ask the host what became of them. An earlier controller may not have lived to see them begin."""
        outcome = super().probe(intent, receipt)
        if receipt is not None or not isinstance(outcome, Alive):
            return outcome
        self._await_begun(intent.token)
        return super().probe(intent, receipt)

    def stop(self, intent: Intent) -> None:
        """Note what they know, and end them."""
        for name in _ASKED:
            try:
                until_answered(intent, self.log, self._note, name)
            except CommandFailed as error:  # they have ended, or never were
                self.log.debug("nothing is noted", trace=name, error=str(error))
        super().stop(intent)

    def _check_begun(self, token: str) -> None:
        if not self._await_begun(token):
            raise BadState(f"its daemons have not begun{self._last_words()}")

    def _await_begun(self, token: str) -> bool:
        """Waits until they have taken the configuration, or have ended; whether they have taken it."""
        launcher, transport = self.host.launcher, self.host.transport
        transport.run(_AWAIT, launcher.path(token, "."), timeout=_PATIENCE)
        return bool(transport.size(launcher.path(token, "ready")))

    # --- traces -------------------------------------------------------------------------------------------------

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        if not self._is_asked(name):
            return super().read_trace(name, offset, size)
        return self._ask(name)[offset : None if size is None else offset + size]

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        return len(self._ask(name)) if self._is_asked(name) else super().trace_size(name)

    def trace_path(self, name: str) -> str | None:
        """Where a trace is."""
        return None if self._is_asked(name) else super().trace_path(name)

    def _is_asked(self, name: str) -> bool:
        """Whether the daemons are asked for it."""
        return name in _ASKED and self.state is ResourceState.STARTED

    def _note(self, name: str) -> None:
        path = self.host.launcher.path(self.tokens[Step.START], name)
        self.host.transport.write(path, self._ask(name))

    def _ask(self, name: str) -> bytes:
        """What they know, as JSON; by the names of `_ASKED`."""
        running = ["zebra", *self._running]
        asked = {key: command for key, (daemon, command) in _ASKED[name].items() if daemon in running}
        directory = self.host.launcher.path(self.tokens[Step.START], ".")
        said = self.host.run(f"asking for {name}", _ASK, directory, *asked.values()).stdout.split(b"\0")
        return json.dumps({key: _parsed(text) for key, text in zip(asked, said, strict=False)}, indent=2).encode()


def _parsed(text: bytes) -> Any:
    """What a daemon says; None if that is no JSON but words, as of one that has nothing to do."""
    try:
        return json.loads(text)
    except ValueError:
        return None
