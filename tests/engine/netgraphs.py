"""Topologies of all kinds, for properties that all of them have."""

from hypothesis import strategies as st

from engine.netgraph import NetGraph

_SIZES = {
    "linear": st.integers(1, 20),
    "ladder": st.integers(1, 10).map(lambda rungs: 2 * rungs),
    "mesh": st.integers(1, 8),
    "tree": st.integers(1, 20),
    "star": st.integers(1, 20),
    "ring": st.integers(3, 20),
    "grid": st.tuples(st.integers(2, 5), st.integers(2, 5)).map(lambda sides: sides[0] * sides[1]),
}

shapes = st.one_of(
    *(st.fixed_dictionaries({"topo_type": st.just(name), "node_count": size}) for name, size in _SIZES.items())
)
"""Arguments of `NetGraph` that make a connected topology."""

_NAMES = st.sampled_from(["a", "key", "id", "self", "node_for_adding", "x:json", "label", "source_of", "ü", " "])
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=3,
)
_NIDS = st.integers(-3, 8) | st.sampled_from(["5", "6", "a", "b c", "ü", "007", "-0", "1e3"])


def _distinct(nids):
    """Leave out what reads the same as one before it."""
    return list({str(nid): nid for nid in reversed(nids)}.values())


@st.composite
def graphs(draw):
    """A topology made by hand or not, with annotations, marks and perhaps addresses."""
    graph = draw(st.builds(lambda shape: NetGraph(**shape), shapes) | _handmade())
    for nid in graph.nodes():
        for name in draw(st.lists(_NAMES, max_size=1)):
            graph.annotate_node(nid, name, draw(_VALUES))
    for nid1, nid2 in graph.edges():
        for name in draw(st.lists(_NAMES, max_size=1)):
            graph.annotate_edge(nid1, nid2, name, draw(_VALUES))
    return graph


@st.composite
def _handmade(draw):
    graph = NetGraph(seed=draw(st.none() | st.integers(-(2**63), 2**63)))
    nids = _distinct(draw(st.lists(_NIDS, min_size=2, max_size=6)))
    for nid in nids:
        graph.add_node(nid)
    for nid1, nid2 in draw(st.lists(st.tuples(st.sampled_from(nids), st.sampled_from(nids)), max_size=8)):
        if nid1 != nid2:
            graph.add_edge(nid1, nid2)
    graph.set_source(draw(st.sampled_from(nids)))
    graph.set_target(draw(st.sampled_from(nids)))
    return graph
