"""The table of transitions: every pair of a state and what may happen in it."""

import pytest

from engine.core.states import DEPLOYMENT, ENDS, FINAL, GATE, TRANSITIONS, ResourceAction, ResourceState, Step, Turn

TABLE = {
    "NEW": {"discover": "DISCOVERED"},
    "DISCOVERED": {"reserve": "RESERVED"},
    "RESERVED": {"provision": "PROVISIONED"},
    "PROVISIONED": {"configure": "PROVISIONED", "deploy": "READY"},
    "READY": {"start": "STARTED"},
    "STARTED": {"stop": "STOPPED", "end": "STOPPED"},
    "STOPPED": {"start": "STARTED"},
    "FAILED": {"stop": "FAILED"},
    "RELEASED": {},
}
for state, moves in TABLE.items():
    if state != "RELEASED":
        moves["release"] = "RELEASED"
        moves["fail"] = "FAILED"


@pytest.mark.parametrize("state", ResourceState)
@pytest.mark.parametrize("occurrence", [*Step, *Turn])
def test_what_may_follow_what(state, occurrence):
    after = TRANSITIONS[state].get(occurrence)
    assert (after and after.name) == TABLE[state.name].get(occurrence)


def test_the_numbers_are_those_of_the_contract():
    names = "NEW DISCOVERED RESERVED PROVISIONED READY STARTED STOPPED FAILED RELEASED"
    assert [(state.name, state.value) for state in ResourceState] == [(n, i) for i, n in enumerate(names.split())]


def test_states_have_no_order():
    with pytest.raises(TypeError):
        assert ResourceState.FAILED > ResourceState.STARTED


def test_nothing_leaves_released():
    assert TRANSITIONS[ResourceState.RELEASED] == {}


def test_a_final_state_is_an_end():
    assert FINAL < ENDS


def test_every_action_has_a_gate():
    assert set(GATE) == set(ResourceAction)
    assert GATE[ResourceAction.DEPLOY] is DEPLOYMENT[0]
