"""For tests of experiments, and of resource types. Needs the extra ``testing``.

`engine.testing.simulation` runs whole controllers in a world of its own, with its own time, order, hosts and faults.
"""
