"""Who may do what, written out once more by hand: a change of the table has to be meant twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.permissions import (
    EVERYWHERE,
    Action,
    Role,
    allowed,
    at_most,
    exceeds,
    may,
    may_somewhere,
    role_at,
    sites_of,
)

#                       viewer technician engineer ops admin
TABLE = {
    "view": "                yes yes yes yes yes",
    "own_account": "         yes yes yes yes yes",
    "answer_alarms": "       no  yes yes yes yes",
    "say_findings": "        no  yes yes yes yes",
    "maintain_machines": "   no  yes yes yes yes",
    "request_evidence": "    no  yes yes yes yes",
    "service_alarms": "      no  no  yes yes yes",
    "configure_machines": "  no  no  yes yes yes",
    "configure_messages": "  no  no  yes yes yes",
    "approve_models": "      no  no  yes yes yes",
    "operate_gateways": "    no  no  no  yes yes",
    "release_models": "      no  no  no  yes yes",
    "read_audit": "          no  no  no  yes yes",
    "manage_users": "        no  no  no  no  yes",
}

roles = st.sampled_from(list(Role))
actions = st.sampled_from(list(Action))
sites = st.sampled_from(["press-shop", "paint-shop", "foundry"])
grants = st.dictionaries(st.one_of(sites, st.just(EVERYWHERE)), roles, max_size=4)


@pytest.mark.parametrize("action", Action)
def test_the_table(action):
    assert [allowed(role, action) for role in Role] == [word == "yes" for word in TABLE[action].split()]


def test_the_table_is_complete():
    assert set(TABLE) == {action.value for action in Action}


@pytest.mark.parametrize("action", Action)
def test_who_has_no_role_may_nothing(action):
    assert not allowed(None, action)
    assert not may({}, action, "press-shop")
    assert not may_somewhere({}, action)


def test_a_role_counts_at_its_site_only():
    keller = {"press-shop": Role.TECHNICIAN, "paint-shop": Role.VIEWER}
    assert may(keller, Action.ANSWER_ALARMS, "press-shop")
    assert not may(keller, Action.ANSWER_ALARMS, "paint-shop")
    assert not may(keller, Action.VIEW, "foundry")
    assert not may({"press-shop": Role.ADMIN}, Action.MANAGE_USERS, EVERYWHERE)
    assert sites_of(keller) == {"press-shop", "paint-shop"}
    assert sites_of({EVERYWHERE: Role.VIEWER}) is None


@given(grants, actions, sites)
def test_everywhere_is_also_here_and_the_higher_role_counts(held, action, site):
    here = [held[where] for where in (EVERYWHERE, site) if where in held]
    assert may(held, action, site) == any(allowed(role, action) for role in here)
    assert (role_at(held, site) is None) == (not here)


@given(grants, roles, actions, sites)
def test_a_cap_gives_nothing_and_takes_what_is_above_it(held, cap, action, site):
    left = at_most(held, cap)
    assert may(left, action, site) == (may(held, action, site) and allowed(cap, action))


@given(grants, roles)
def test_nobody_can_give_more_than_they_have(held, role):
    assert exceeds(role, held) == all(allowed_count(role) > allowed_count(mine) for mine in held.values())


def allowed_count(role: Role) -> int:
    # Roles that may the same are told apart by their order.
    return 100 * list(Role).index(role) + sum(allowed(role, action) for action in Action)
