"""Who may do what: five roles, each of which may do all that the one before may, and more.

Pure: a role, an action and a site go in, yes or no comes out. Roles are scoped by site (a Sparkplug group); what
concerns the whole plant, such as its users, is asked for everywhere. An action that is not in the table cannot be
asked for, and nobody is allowed what nobody gave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


class Role(StrEnum):
    """What people are in the plant, from those who look to those who run it."""

    VIEWER = "viewer"
    TECHNICIAN = "technician"
    ENGINEER = "engineer"
    OPS = "ops"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be asked for."""

    VIEW = "view"
    OWN_ACCOUNT = "own_account"
    ANSWER_ALARMS = "answer_alarms"
    SAY_FINDINGS = "say_findings"
    MAINTAIN_MACHINES = "maintain_machines"
    REQUEST_EVIDENCE = "request_evidence"
    SERVICE_ALARMS = "service_alarms"
    CONFIGURE_MACHINES = "configure_machines"
    CONFIGURE_MESSAGES = "configure_messages"
    APPROVE_MODELS = "approve_models"
    OPERATE_GATEWAYS = "operate_gateways"
    RELEASE_MODELS = "release_models"
    READ_AUDIT = "read_audit"
    MANAGE_USERS = "manage_users"


EVERYWHERE: Final = "*"
"""Stands for every site; no Sparkplug group has this name."""

Grants = Mapping[str, Role]
"""A person's role by site."""

LEAST_ROLE: Final[Mapping[Action, Role]] = {
    # Look at machines, alarms, gateways and pages; sign out, own password, own tokens.
    Action.VIEW: Role.VIEWER,
    Action.OWN_ACCOUNT: Role.VIEWER,
    # What a shift does beside the machine: acknowledge, shelve for a time, reset; say what was found; maintenance.
    Action.ANSWER_ALARMS: Role.TECHNICIAN,
    Action.SAY_FINDINGS: Role.TECHNICIAN,
    Action.MAINTAIN_MACHINES: Role.TECHNICIAN,
    Action.REQUEST_EVIDENCE: Role.TECHNICIAN,
    # What changes how a machine is judged, without an end: out of service, limits, advice, relearning; who is told.
    Action.SERVICE_ALARMS: Role.ENGINEER,
    Action.CONFIGURE_MACHINES: Role.ENGINEER,
    Action.CONFIGURE_MESSAGES: Role.ENGINEER,
    # Whether a model is good enough is a matter of the machines; bringing it to gateways is one of the plant's running.
    Action.APPROVE_MODELS: Role.ENGINEER,
    # What can take a plant off the air, and the log of who did it.
    Action.OPERATE_GATEWAYS: Role.OPS,
    Action.RELEASE_MODELS: Role.OPS,
    Action.READ_AUDIT: Role.OPS,
    Action.MANAGE_USERS: Role.ADMIN,
}

_RANK: Final = {role: rank for rank, role in enumerate(Role)}


def allowed(role: Role | None, action: Action) -> bool:
    """Return whether a role suffices for an action.

    >>> allowed(Role.TECHNICIAN, Action.ANSWER_ALARMS), allowed(Role.VIEWER, Action.ANSWER_ALARMS)
    (True, False)
    """
    return role is not None and _RANK[role] >= _RANK[LEAST_ROLE[action]]


def role_at(grants: Grants, site: str) -> Role | None:
    """Return somebody's role at a site: the higher of what they are there and what they are everywhere."""
    held = [grants[where] for where in (EVERYWHERE, site) if where in grants]
    return max(held, key=_RANK.__getitem__, default=None)


def may(grants: Grants, action: Action, site: str) -> bool:
    """Return whether somebody may do something at a site, or everywhere."""
    return allowed(role_at(grants, site), action)


def may_somewhere(grants: Grants, action: Action) -> bool:
    """Return whether there is a site where somebody may do something."""
    return any(allowed(role, action) for role in grants.values())


def at_most(grants: Grants, cap: Role) -> Grants:
    """Return what is left of somebody's roles under a cap: a token never may more than it was made for."""
    return {site: min(role, cap, key=_RANK.__getitem__) for site, role in grants.items()}


def exceeds(role: Role, grants: Grants) -> bool:
    """Return whether a role is higher than every role that somebody has."""
    return all(_RANK[role] > _RANK[held] for held in grants.values())


def sites_of(grants: Grants) -> AbstractSet[str] | None:
    """Return the sites somebody may look at, None for all."""
    return None if EVERYWHERE in grants else frozenset(grants)
