"""For tests of experiments, and of resource types. Needs the extra ``testing``.

- `engine.testing.contract` has what every resource type must do, as tests; see docs/types.md.
- `engine.testing.simulation` runs whole controllers in a world of its own, with its own time, order, hosts and faults;
  see docs/simulation.md.
"""
