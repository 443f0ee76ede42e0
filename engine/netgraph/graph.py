"""`NetGraph`: a topology with annotations, addresses, sources and targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from os import PathLike
from random import Random
from typing import TYPE_CHECKING, Any

import networkx as nx

from engine.core.errors import UsageError, nearest
from engine.netgraph import exchange, plain
from engine.netgraph.addresses import split
from engine.netgraph.annotated import AnnotatedGraph
from engine.netgraph.checks import check_seed, fields
from engine.netgraph.shapes import TopologyType, make, to_type

if TYPE_CHECKING:
    from typing import Never

    from engine.netgraph.checks import Nid


class NetGraph(AnnotatedGraph):
    """A topology: a graph with annotations, addresses, sources and targets.

    It is made in one of three ways: from a `topology` that there is already, from a `topo_type` and a `node_count`, or,
    with neither, as an empty graph for `add_node` and `add_edge`.

    Args:
        topology: a graph of networkx, which is copied, or the path of a GraphML file. Its nodes are numbers or texts.
        topo_type: a `TopologyType`, or its name.
        node_count: how many nodes it has.
        branches: of a STAR, how many arms, by default one for each node but the hub; of a TREE, how many children of
            each node, by default 2.
        assign_ips: whether to call `assign_p2p_ips`,
        network: with this network,
        prefix: this prefix,
        version: and this version of IP.
        assign_st: whether to choose a target and a source, with `select_target_zero` and `select_random_source`.
        sources_targets: the nodes that are, as ``{"sources": [4], "targets": [0]}``; goes before `assign_st`.
        leaf_source: whether the source that `assign_st` chooses must be a leaf.
        seed: what `select_random_source` chooses by; with None it chooses differently each time.

    Raises:
        UsageError: there is no such topology, or an argument is wrong, is unknown, or has nothing to say.
    """

    def __init__(
        self,
        topology: nx.Graph[Any] | str | PathLike[str] | None = None,
        topo_type: TopologyType | str | None = None,
        node_count: int | None = None,
        branches: int | None = None,
        assign_ips: bool = False,
        network: str | None = None,
        prefix: int | None = None,
        version: int | None = None,
        assign_st: bool = False,
        sources_targets: Mapping[str, Iterable[Nid]] | None = None,
        leaf_source: bool = False,
        seed: int | None = None,
        **unknown: Never,  # mypy refuses an unknown keyword; we do where nobody runs it
    ) -> None:
        for name in unknown:
            raise UsageError(f"NetGraph has no argument {name!r}; {nearest(name, signature(NetGraph).parameters)}")
        super().__init__()
        self._topo_type = TopologyType.ADHOC
        self._seed: int | None = None
        if topology is not None:
            _refuse("with topology=", topo_type=topo_type, node_count=node_count, branches=branches)
            self._adopt(topology)
        else:
            self._make(topo_type, node_count, branches)
        if seed is not None:
            self._set_seed(seed)
        if assign_ips:
            self.assign_p2p_ips(network, prefix, version)
        else:
            _refuse("without assign_ips=True", network=network, prefix=prefix, version=version)
        self._assign_st(assign_st, sources_targets, leaf_source)

    def _adopt(self, topology: nx.Graph[Any] | str | PathLike[str]) -> None:
        if isinstance(topology, nx.Graph):
            self._load(exchange.from_networkx(topology))
        elif isinstance(topology, str | PathLike):
            try:
                self._load(exchange.read_graphml(topology))
            except UsageError as error:
                raise UsageError(f"{topology}: {error}") from error
        else:
            raise UsageError(f"topology={topology!r}: give a graph of networkx, or the path of a GraphML file")

    def _make(self, topo_type: str | None, node_count: int | None, branches: int | None) -> None:
        self._topo_type = TopologyType.ADHOC if topo_type is None else to_type(topo_type)
        if node_count is not None:
            self._graph.update(make(self._topo_type, node_count, branches))
            return
        _refuse("without node_count=", branches=branches)
        if self._topo_type is not TopologyType.ADHOC:
            raise UsageError(f"topo_type={str(topo_type)!r} needs node_count=, how many nodes it has")

    def _assign_st(
        self, assign_st: bool, sources_targets: Mapping[str, Iterable[Nid]] | None, leaf_source: bool
    ) -> None:
        if sources_targets is not None:
            self._mark(sources_targets)
        elif assign_st:
            self.select_target_zero()
            self.select_random_source(leaf_source)
        else:
            _refuse("without assign_st=True", leaf_source=leaf_source or None)

    def _mark(self, sources_targets: Mapping[str, Iterable[Nid]]) -> None:
        if not isinstance(sources_targets, Mapping):
            raise UsageError(f'sources_targets={sources_targets!r}: give {{"sources": [...], "targets": [...]}}')
        marks = {"sources": self.set_source, "targets": self.set_target}
        for kind, nids in sources_targets.items():
            if kind not in marks:
                raise UsageError(f"sources_targets has an unknown {kind!r}; {nearest(str(kind), marks)}")
            if isinstance(nids, str) or not isinstance(nids, Iterable):
                raise UsageError(f"sources_targets[{kind!r}] is {nids!r}; give a list of nodes")
            for nid in nids:
                marks[kind](nid)

    def _set_seed(self, seed: int | None) -> None:
        if seed is not None:
            check_seed(seed)
        self._seed = seed

    @property
    def topo_type(self) -> TopologyType:
        """What it was made as; ADHOC if it was given or made by hand."""
        return self._topo_type

    def assign_p2p_ips(
        self,
        network: str | None = None,
        prefix: int | None = None,
        version: int | None = None,
        p2p_prefix: int | None = None,
    ) -> None:
        """Make each edge a subnet of two hosts, and give its nodes the addresses.

        The subnets follow one another in the order of `edges`; the earlier node of an edge gets the lower address. All
        addresses that there were go.

        Args:
            network: the address of the network that the subnets are taken from; by default 10.0.0.0, or fd00::.
            prefix: the length of its prefix; by default 8, or 64.
            version: 4 or 6; by default that of `network`, or 4.
            p2p_prefix: the length of each subnet's prefix: 30 or 31, or 126 or 127; by default the shorter one.

        Raises:
            UsageError: the nodes are not all connected, or the network is none, or too small. Nothing has changed.
        """
        self._check_connected()
        edges = self.edges()
        subnets = split(network, prefix, version, p2p_prefix, needed=len(edges))
        for nid in self._graph:
            self._graph.nodes[nid].pop("ips", None)
        for (nid1, nid2), info in zip(edges, subnets, strict=True):
            self.annotate_edge_net(nid1, nid2, *info)
            self.annotate_node_ip(nid1, info.ip1)
            self.annotate_node_ip(nid2, info.ip2)

    def _check_connected(self) -> None:
        first = next(iter(self._graph), None)
        if first is None:
            raise UsageError("the graph has no node that could get an address; add nodes and edges first")
        reached = nx.node_connected_component(self._graph, first)
        for nid in self._graph:
            if nid not in reached:
                raise UsageError(f"no path leads from node {first!r} to node {nid!r}; connect them with add_edge()")

    def select_target_zero(self) -> Nid:
        """Mark node 0 (or ``"0"``) as a target.

        Raises:
            UsageError: there is no such node.
        """
        zeros: tuple[Nid, ...] = (0, "0")
        for nid in zeros:
            if nid in self._graph:
                self.set_target(nid)
                return nid
        raise UsageError(f"there is no node 0 to be the target; {self._some_nodes()}; name it with set_target()")

    def select_random_source(self, is_leaf: bool = False) -> Nid:
        """Mark a node as a source that is neither a source nor a target yet.

        With a seed, which one depends on nothing but the seed, the graph, and the marks that it has. On a ladder it is
        one of the two corners that are far from node 0, since nodes of a ladder differ in how far they are from it.

        Args:
            is_leaf: choose among the nodes that have a single edge. A ladder has none; there, it changes nothing.

        Raises:
            UsageError: there is none to choose.
        """
        choices = [nid for nid in self._source_choices(is_leaf) if not self.is_source(nid) and not self.is_target(nid)]
        if not choices:
            kind = "leaf" if is_leaf else "node"
            raise UsageError(
                f"no {kind} is left that could be a source; {self._some_nodes()}; name one with set_source()"
            )
        chance = Random(None if self._seed is None else f"{self._seed}/{len(self.sources())}")  # noqa: S311 - no secret
        source = chance.choice(choices)
        self.set_source(source)
        return source

    def _source_choices(self, is_leaf: bool) -> list[Nid]:
        if self._topo_type is TopologyType.LADDER:
            return [nid for nid in (self.order // 2 - 1, self.order - 1) if nid in self._graph]
        return [nid for nid in self._graph if not is_leaf or self._graph.degree(nid) == 1]

    def to_dict(self) -> dict[str, Any]:
        """Everything about this graph, in values that JSON knows; `from_dict` makes an equal graph of it."""
        return plain.from_graph(self, str(self._topo_type), self._seed)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NetGraph:
        """The graph that `to_dict` was called on.

        Raises:
            UsageError: these are not the values that `to_dict` gives; it says which one is wrong.
        """
        graph = cls()
        graph._load(data)
        return graph

    def _load(self, data: Mapping[str, Any]) -> None:
        topo_type, seed, nodes, edges = fields(data, "netgraph", "topo_type", "seed", "nodes", "edges")
        self._topo_type = to_type(topo_type)
        self._set_seed(seed)
        plain.fill(self, nodes, edges)

    def write_graphml(self, path: str | PathLike[str]) -> None:
        """Write a GraphML file, of which `topology` makes an equal graph. A name that ends in .gz has it compressed."""
        exchange.write_graphml(self.to_dict(), path)

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, NetGraph) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes, as a list does

    def __repr__(self) -> str:
        return f"<NetGraph {self._topo_type}: {self.order} nodes, {self._graph.size()} edges>"


def _refuse(why: str, **arguments: object) -> None:
    """Refuse arguments that were given although they have nothing to say."""
    for name, value in arguments.items():
        if value is not None:
            raise UsageError(f"{name}={value!r} has nothing to say {why}; leave it out")
