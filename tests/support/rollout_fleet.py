"""A fleet of gateways that obey a rollout's wishes, with machines that raise alarms by chance; time is a number.

Each gateway that is there takes one step an hour from its version to the wished one, as the agent does: fetching,
verifying, testing, shadow, probation, committed. Alarms are Poisson, with the rate of the version that judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cloud.rollout import react
from cloud.rollout_state import (
    HOUR_MS,
    Evidence,
    GatewayReport,
    GatewayState,
    HealthSample,
    Rollout,
    SetTarget,
    Standing,
    Tick,
)

OLD, NEW = "1.0.0", "1.1.0"
PUMPS = "pump"
HISTORY_H = 168
STEPS = (
    GatewayState.FETCHING,
    GatewayState.VERIFYING,
    GatewayState.TESTING,
    GatewayState.SHADOW,
    GatewayState.PROBATION,
    GatewayState.COMMITTED,
)


@dataclass(slots=True)
class SimulatedAgent:
    """One gateway: what it runs, what is wished of it, whither it is on the way, how far it is."""

    gateway_id: str
    online: bool
    running: str = OLD
    wish: str | None = None
    heading: str | None = None
    step: int = -1
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def state(self) -> GatewayState:
        """Return what it says it is doing."""
        return GatewayState.COMMITTED if self.step < 0 else STEPS[self.step]


@dataclass(slots=True)
class Fleet:
    """The gateways, and what has been decided so far.

    Attributes:
        rates_per_hour: alarms per machine and hour, by version.
        had_new: every gateway that was ever given the new version.
    """

    agents: dict[str, SimulatedAgent]
    rates_per_hour: Mapping[str, float]
    rng: np.random.Generator
    machines: int = 3
    had_new: set[str] = field(default_factory=set)
    decided: list[object] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, away: int, rates_per_hour: Mapping[str, float], seed: int) -> Fleet:
        """Return so many gateways, the last of which are away."""
        rng = np.random.default_rng(seed)
        names = [f"plant:gateway-{number:04}" for number in range(count)]
        agents = {name: SimulatedAgent(name, online=number < count - away) for number, name in enumerate(names)}
        fleet = cls(agents, rates_per_hour, rng)
        hours = HISTORY_H * fleet.machines
        for agent in agents.values():
            alarms = int(rng.poisson(rates_per_hour[OLD] * hours))
            agent.evidence = Evidence(old_alarms=alarms, old_machine_hours=float(hours))
        return fleet

    def standings(self) -> Iterator[Standing]:
        """Yield what the cloud knows of the gateways before it begins."""
        for agent in self.agents.values():
            yield Standing(agent.gateway_id, online=agent.online, running=agent.running if agent.online else None)

    def obey(self, decisions: tuple[object, ...]) -> None:
        """Take up wishes; the cloud keeps them for those that are away."""
        self.decided += decisions
        for decision in decisions:
            if isinstance(decision, SetTarget):
                agent = self.agents[decision.gateway_id]
                agent.wish = decision.version
                if decision.version == NEW:
                    self.had_new.add(agent.gateway_id)

    def hour(self, rollout: Rollout, now_ms: int, after: Callable[[Rollout], None] = lambda _: None) -> Rollout:
        """Let an hour pass: gateways work and report, then the rollout decides."""
        for agent in self.agents.values():
            if agent.online:
                rollout = self._work(agent, rollout, now_ms)
        rollout, decisions = react(rollout, Tick(), now_ms)
        self.obey(decisions)
        after(rollout)
        return rollout

    def work(self, agent: SimulatedAgent) -> None:
        """Let a gateway take its step of the hour, and its machines raise their alarms."""
        if agent.wish != agent.heading:
            # Another wish in the middle of the way: from the beginning.
            agent.heading, agent.step = agent.wish, -1
        if agent.wish is not None and agent.wish != agent.running:
            agent.step += 1
            if STEPS[agent.step] is GatewayState.PROBATION:
                agent.running = agent.wish
        elif 0 <= agent.step < len(STEPS) - 1:
            agent.step += 1
        else:
            agent.step = -1
        if agent.running == NEW:
            alarms = int(self.rng.poisson(self.rates_per_hour[NEW] * self.machines))
            agent.evidence = replace(
                agent.evidence,
                new_alarms=agent.evidence.new_alarms + alarms,
                new_machine_hours=agent.evidence.new_machine_hours + self.machines,
            )

    def _work(self, agent: SimulatedAgent, rollout: Rollout, now_ms: int) -> Rollout:
        self.work(agent)
        told = rollout.gateways.get(agent.gateway_id)
        if told is None or (told.running, told.state, told.online) != (agent.running, agent.state, True):
            report = GatewayReport(agent.gateway_id, PUMPS, online=True, running=agent.running, state=agent.state)
            rollout = react(rollout, report, now_ms)[0]
        if agent.running == NEW:
            rollout = react(rollout, HealthSample(agent.gateway_id, NEW, agent.evidence), now_ms)[0]
        return rollout

    def run(self, rollout: Rollout, hours: int, after: Callable[[Rollout], None] = lambda _: None) -> Rollout:
        """Let hours pass, until nothing is open any more."""
        for number in range(hours):
            rollout = self.hour(rollout, number * HOUR_MS, after)
            if not rollout.is_open:
                break
        return rollout

    def settle(self, rollout: Rollout, from_h: int) -> Rollout:
        """Let everybody come back and a day pass."""
        for agent in self.agents.values():
            agent.online = True
        for number in range(from_h, from_h + 24):
            rollout = self.hour(rollout, number * HOUR_MS)
        return rollout

    def versions(self) -> set[str]:
        """Return the versions that run somewhere."""
        return {agent.running for agent in self.agents.values()}
