"""Topology files of containerlab (`NAME.clab.yml`), as descriptions of networks of namespaces.

Nodes of the kind ``linux`` become nodes, those of the kind ``bridge`` switches, and links cables. What a container has
from an image, a node has from the machine: files and programs. So much of such a file has no meaning here. What
concerns containers only is named, and left out; whatever else cannot be had is a reason not to begin.

The format is that of https://containerlab.dev/manual/topo-def-file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import count
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import nearest
from engine.core.states import ResourceAction, ResourceState
from engine.description import BadDescription, Description
from engine.description.model import ConditionDescription, ResourceDescription
from rms.netns._marked import Entry, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TOP: Final = {"name", "topology"}
_TOPOLOGY: Final = {"defaults", "kinds", "groups", "nodes", "links"}
_NODE: Final = {
    "binds", "cmd", "cpu", "entrypoint", "env", "exec", "group", "kind", "memory", "network-mode", "sysctls",
}  # fmt: skip
_LINK: Final = {"endpoints", "ipv4", "ipv6", "mtu", "type"}
_END: Final = {"interface", "ipv4", "ipv6", "mac", "node"}

_OF_CONTAINERS: Final = {
    "SANs", "aliases", "auto-remove", "cap-add", "certificate", "debug", "image", "image-pull-policy", "labels",
    "mgmt", "mgmt-ipv4", "mgmt-ipv6", "mgmt_ipv4", "mgmt_ipv6", "ports", "prefix", "publish", "restart-policy",
    "runtime", "settings", "shm-size", "vars",
}  # fmt: skip
"""What has no meaning where there are no containers, and whose absence changes nothing between the nodes."""

_KINDS: Final = {"linux": "netns::Node", "bridge": "netns::Switch"}
_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_SIZE: Final = re.compile(r"([0-9.]+) *([kmg]i?)?b?", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$\{\w+")


def read(text: str, path: Path) -> Description:
    """The network that a file describes.

    Args:
        text: its content.
        path: where it is: relative paths in it begin there.

    Raises:
        BadDescription: it is no such file, or it asks for what cannot be had here; all of it is told, with its lines.
    """
    lab = _Lab(load(text), path.absolute().parent)
    if lab.problems:
        ordered = sorted(set(lab.problems))
        raise BadDescription(f"line {line}: {problem}" for line, problem in ordered)
    return Description(
        lab.name, resources=tuple(lab.resources), conditions=tuple(lab.conditions), remarks=tuple(lab.remarks())
    )


class _Lab:
    """What a file comes to.

    Attributes:
        problems: why it cannot be, each with its line.
    """

    def __init__(self, root: Entry, directory: Path) -> None:
        self._directory = directory
        self._guids = count(1)
        self._left_out: dict[str, list[int]] = defaultdict(list)
        self._used: dict[str, int] = {}  # interfaces, and the lines that they are in
        self._owners: dict[str, tuple[int, str]] = {}  # by name of a node: its number and kind
        self.problems: list[tuple[int, str]] = []
        self.resources: list[ResourceDescription] = []
        self.conditions: list[ConditionDescription] = []
        top = self._mapping(root, "the file", _TOP)
        self.name = self._text(top.get("name", Entry(1, None)), "name, what the lab is called,")
        topology = self._mapping(top.get("topology", Entry(1, None)), "topology", _TOPOLOGY)
        self._emulation = self._add("netns::Emulation", 1)
        self._add_nodes(topology)
        for link in self._list(topology, "links"):
            self._add_link(link)

    def remarks(self) -> Iterator[str]:
        """What was left out, with the lines that it is in."""
        if self._left_out:
            told = (f"{name} (line {', '.join(map(str, lines))})" for name, lines in self._left_out.items())
            yield f"there are no containers, nodes have the files of the machine; left out: {'; '.join(told)}"

    # --- nodes --------------------------------------------------------------------------------------------------

    def _add_nodes(self, topology: Mapping[str, Entry]) -> None:
        nowhere = Entry(1, {})
        defaults = self._settings(topology.get("defaults", nowhere), "defaults")
        kinds, groups = (
            {name: self._settings(each, name) for name, each in self._named(topology.get(level, nowhere)).items()}
            for level in ("kinds", "groups")
        )
        for name, entry in self._named(topology.get("nodes", nowhere)).items():
            own = self._settings(entry, f"node {name}")
            group = _scalar([defaults, own], "group")
            kind = _scalar([defaults, groups.get(str(group), {}), own], "kind")
            levels = [defaults, kinds.get(str(kind), {}), groups.get(str(group), {}), own]
            if kind in _KINDS:
                self._add_node(name, entry.line, str(kind), levels)
            else:
                what = "no kind" if kind is None else f"the kind {kind}"
                self._refuse(entry.line, f"node {name} has {what}; here there are those of linux and bridge")

    def _settings(self, entry: Entry, where: str) -> dict[str, Entry]:
        """Settings of a node, or of those of a kind: what is none of ours is noted."""
        return self._mapping(Entry(entry.line, entry.value or {}), where, _NODE)

    def _add_node(self, name: str, line: int, kind: str, levels: list[dict[str, Entry]]) -> None:
        attributes: dict[str, Any] = {}
        if kind == "linux":
            attributes = {"hostname": name, "forwarding": True, **self._limits(levels)}
        guid = self._add(_KINDS[kind], line, label=name, on=[self._emulation], **attributes)
        self._owners[name] = (guid, kind)
        mode = _last(levels, "network-mode")
        if mode is not None and mode.value not in ("none", "bridge"):
            self._refuse(mode.line, f"network-mode {mode.value}: each node has a network of its own; leave it out")
        if kind == "linux":
            self._add_commands(name, guid, levels)

    def _limits(self, levels: list[dict[str, Entry]]) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        if (cpu := _last(levels, "cpu")) is not None:
            limits["cpu"] = cpu.value
        if (memory := _last(levels, "memory")) is not None:
            found = _SIZE.fullmatch(str(memory.value))
            if found is None:
                self._refuse(memory.line, f"memory {memory.value!r} is no size; write it as 512MB or 1GiB")
            else:
                limits["memory"] = int(float(found[1]) * _UNITS[(found[2] or "").lower()])
        return limits

    # --- what runs in nodes -------------------------------------------------------------------------------------

    def _add_commands(self, name: str, node: int, levels: list[dict[str, Entry]]) -> None:
        """First what a node is to be like, then what it is there for, and then one command after the other."""
        env = {key: str(value.value) for level in levels for key, value in self._named(level.get("env")).items()}
        before: tuple[int, ResourceState] | None = None
        prepared = [*self._sysctls(levels), *self._binds(levels)]
        if prepared:
            text = "set -e\n" + "\n".join(command for _, command in prepared)
            guid = self._add("linux::Application", prepared[0][0], label=f"{name}: prepare", on=[node], command=text)
            before = (guid, ResourceState.STOPPED)
        for what, line, command, state in self._runs(levels):
            guid = self._add(
                "linux::Application", line, label=f"{name}: {what}", on=[node], command=command, env=env, critical=False
            )
            if before is not None:
                self.conditions.append(ConditionDescription((guid,), ResourceAction.START, (before[0],), before[1]))
            before = (guid, state)

    def _runs(self, levels: list[dict[str, Entry]]) -> Iterator[tuple[str, int, str, ResourceState]]:
        """Commands of a node, each with its name, its line, and what it has reached when the next one begins."""
        words = [entry for key in ("entrypoint", "cmd") if (entry := _last(levels, key)) is not None]
        if words:
            command = " ".join(self._text(each, "a command") for each in words)
            yield "cmd", words[0].line, command, ResourceState.STARTED
        lines = [each for level in levels for each in self._list(level, "exec")]
        for number, each in enumerate(lines, 1):
            yield f"exec {number}", each.line, self._text(each, "exec"), ResourceState.STOPPED

    def _sysctls(self, levels: list[dict[str, Entry]]) -> Iterator[tuple[int, str]]:
        for level in levels:
            for name, value in self._named(level.get("sysctls")).items():
                if name.startswith("net."):
                    yield value.line, f"echo {quote(str(value.value))} >/proc/sys/{quote(name.replace('.', '/'))}"
                else:
                    self._refuse(value.line, f"sysctl {name} is that of the whole machine; a node has those of net.")

    def _binds(self, levels: list[dict[str, Entry]]) -> Iterator[tuple[int, str]]:
        for entry in (each for level in levels for each in self._list(level, "binds")):
            source, _, rest = self._text(entry, "a bind").partition(":")
            target, _, options = rest.partition(":")
            here = self._directory / Path(source).expanduser()
            if not target.startswith("/"):
                self._refuse(entry.line, f"bind {entry.value!r}: write it as SOURCE:/TARGET, or SOURCE:/TARGET:ro")
            elif not here.exists():
                self._refuse(entry.line, f"bind {entry.value!r}: there is no {here}")
            elif not Path(target).exists() or here.is_dir() is not Path(target).is_dir():
                kind = "directory" if here.is_dir() else "file"
                self._refuse(entry.line, f"bind {entry.value!r}: this machine has no {kind} {target} to bind it over")
            else:
                yield entry.line, f"mount --bind {quote(str(here))} {quote(target)}"
                if "ro" in options.split(","):
                    yield entry.line, f"mount -o remount,bind,ro {quote(target)}"

    # --- links --------------------------------------------------------------------------------------------------

    def _add_link(self, entry: Entry) -> None:
        link = self._mapping(entry, "a link", _LINK)
        if (kind := _scalar([link], "type")) not in (None, "veth"):
            self._refuse(link["type"].line, f"a link of type {kind} leads out of the lab; here there are those of veth")
            return
        ends = self._list(link, "endpoints")
        if len(ends) != 2:
            self._refuse(entry.line, f"a link has two endpoints, not {len(ends)}")
            return
        mtu = {"mtu": link["mtu"].value} if "mtu" in link else {}
        given = {key: self._list(link, key) for key in ("ipv4", "ipv6")}
        interfaces = []
        for number, end in enumerate(ends):
            addresses = [str(each[number].value) for each in given.values() if number < len(each)]
            interfaces.append(self._add_end(end, addresses, mtu))
        if None not in interfaces:
            self._add("netns::Link", entry.line, on=[guid for guid in interfaces if guid is not None])

    def _add_end(self, end: Entry, addresses: list[str], attributes: Mapping[str, Any]) -> int | None:
        """The interface at one end of a link, if it can be."""
        told = self._mapping(end, "an endpoint", _END) if isinstance(end.value, dict) else _brief(end)
        node, interface = _scalar([told], "node"), _scalar([told], "interface")
        label = f"{node}:{interface}"
        if node is None or interface is None:
            self._refuse(end.line, f"endpoint {end.value!r}: write it as NODE:INTERFACE")
        elif str(node) not in self._owners:
            self._refuse(end.line, f"endpoint {label}: there is no node {node}, and no way out of the lab")
        elif self._used.setdefault(label, end.line) != end.line:
            self._refuse(end.line, f"endpoint {label} is that of another link already, in line {self._used[label]}")
        else:
            owner, kind = self._owners[str(node)]
            own = [str(told[key].value) for key in ("ipv4", "ipv6") if key in told]
            named = {"name": str(interface), "addresses": [*own, *addresses]} if kind == "linux" else {}
            mac = {"mac": told["mac"].value} if "mac" in told else {}
            return self._add("netns::Interface", end.line, label=label, on=[owner], **named, **mac, **attributes)
        return None

    # --- resources ----------------------------------------------------------------------------------------------

    def _add(
        self, rtype: str, line: int, *, label: str | None = None, on: Iterable[int] = (), **attributes: Any
    ) -> int:
        guid = next(self._guids)
        place = f"line {line}"
        self.resources.append(ResourceDescription(guid, rtype, label, attributes, tuple(on), place=place))
        return guid

    # --- entries ------------------------------------------------------------------------------------------------

    def _refuse(self, line: int, problem: str) -> None:
        self.problems.append((line, problem))

    def _mapping(self, entry: Entry, where: str, taken: set[str]) -> dict[str, Entry]:
        """The entries of a mapping that are taken; those that have no meaning are noted, and others refused."""
        found = self._named(entry)
        if entry.value is None:
            self._refuse(entry.line, f"{where} is missing")
        for name, each in found.items():
            if name in _OF_CONTAINERS:
                self._left_out[name].append(each.line)
            elif name not in taken:
                self._refuse(each.line, f"{name} of {where} cannot be had here; {nearest(name, taken)}")
        return {name: each for name, each in found.items() if name in taken}

    def _named(self, entry: Entry | None) -> dict[str, Entry]:
        if entry is None or entry.value is None:
            return {}
        if isinstance(entry.value, dict):
            return entry.value
        self._refuse(entry.line, f"here stands {entry.value!r}; it takes names, each with a colon and what it is")
        return {}

    def _list(self, entries: Mapping[str, Entry], name: str) -> list[Entry]:
        entry = entries.get(name, Entry(1, []))
        if isinstance(entry.value, list):
            return entry.value
        self._refuse(entry.line, f"{name} is a list, not {entry.value!r}")
        return []

    def _text(self, entry: Entry, what: str) -> str:
        if entry.value is None or isinstance(entry.value, list | dict):
            self._refuse(entry.line, f"{what} is a text, which is missing")
        elif _VARIABLE.search(str(entry.value)):
            self._refuse(entry.line, f"{entry.value!r}: containerlab puts in variables itself; write what they are")
        return str(entry.value)


def _brief(end: Entry) -> dict[str, Entry]:
    """An endpoint that is written as NODE:INTERFACE."""
    node, _, interface = str(end.value).partition(":")
    parts = {"node": node, "interface": interface}
    return {name: Entry(end.line, part) for name, part in parts.items() if part}


def _last(levels: Iterable[Mapping[str, Entry]], name: str) -> Entry | None:
    """What is said last of something."""
    return next((level[name] for level in reversed([*levels]) if name in level), None)


def _scalar(levels: Iterable[Mapping[str, Entry]], name: str) -> Any:
    entry = _last(levels, name)
    return None if entry is None else entry.value
