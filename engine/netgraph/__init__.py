"""The topology of an experiment: which nodes there are, which are linked, and with which addresses.

* what can be done with a topology?               `graph`
* which topologies can be made, in which sizes?   `shapes`
* which addresses do the ends of an edge get?     `addresses`
* how are foreign graphs and files read?          `exchange`
"""

from engine.netgraph.addresses import P2PInfo
from engine.netgraph.graph import NetGraph
from engine.netgraph.shapes import TopologyType

__all__ = ["NetGraph", "P2PInfo", "TopologyType"]
