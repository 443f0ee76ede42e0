"""The same experiments, drawn by hypothesis: what fails is made as small as it can be."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.experiments import draw
from tests.simulation.proof import judged

RANDOM = st.randoms(use_true_random=False)
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=SUPPRESSED)
@given(random=RANDOM)
def test_what_was_promised_is_kept(random):
    judged(draw(random, random.randrange(1000)))


@pytest.mark.torture
@settings(max_examples=5000, deadline=None, suppress_health_check=SUPPRESSED)
@given(random=RANDOM)
def test_what_was_promised_is_kept_whatever_is_tried(random):
    judged(draw(random, random.randrange(1000)))
