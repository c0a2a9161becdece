"""A believable plant for a cloud's data directory, fed through the real ingest, so that pages can be looked at.

Ten machines on three gateways (one of them offline) and a foreign edge node: two weeks of summaries in which one
fan's bearing wears out, alarms in every state, evidence with spectra, a machine that still learns, one that stands
still at night, late data, and something in quarantine. It ends at the present moment.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import numpy as np
from numpy.typing import NDArray
from support.simulated_gateway import ForeignNode, Sent, SimulatedGateway, SimulatedMachine

from cloud.alarm_desk import acknowledge
from cloud.book.answering import answer
from cloud.book.opening import book_url, open_book
from cloud.configuration import RetentionSettings
from cloud.ingest import Ingest
from cloud.planning import Connected, Message
from cloud.status import Status
from cloud.trends.sqlite import SqliteTrendStore
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.facts import ChannelFacts, MachineFacts
from models.contract.records import (
    AlarmReport,
    Diagnosis,
    Evidence,
    EvidenceChannel,
    EvidenceLine,
    FeatureStatistics,
    GatewayHealth,
    Summary,
)
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily, Severity, steady

DAY_NS = 86_400_000_000_000
HOUR_NS = DAY_NS // 24
MINUTE_NS = HOUR_NS // 60
RATE_HZ = 12_800.0
SPEED_RPM = 1_480.0
DAYS = 14
COARSE_NS = 15 * MINUTE_NS
FINE_NS = MINUTE_NS
FINE_FROM_NS = 3 * HOUR_NS
FEATURE_HASH = "00c0ffee15600d42"

FEATURE_BASE = {
    "acceleration_rms": (1.2, "m/s²"),
    "acceleration_peak": (4.6, "m/s²"),
    "crest_factor": (3.8, "1"),
    "kurtosis": (3.0, "1"),
    "velocity_rms": (1.4, "mm/s"),
    **{f"band_{number}": (0.2 + 0.05 * number, "m/s²") for number in range(1, 9)},
    **{f"envelope_{number}": (0.08, "m/s²") for number in range(1, 5)},
}

BPFO, BPFI, BSF, FTF = 3.585, 5.415, 2.357, 0.398


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to one machine; wear grows from 0 to 1 over its last days."""

    name: str
    machine_class: str
    gateway: int
    wear_days: float = 0.0
    wear: float = 0.0
    stops_at_night: bool = False
    learning: float = 1.0


STORIES = (
    Story("Raw water pump 1", "pump", 0),
    Story("Raw water pump 2", "pump", 0, stops_at_night=True),
    Story("Cooling tower fan 1", "fan", 0),
    Story("Cooling tower fan 2", "fan", 0, wear_days=9.0, wear=1.0),
    Story("Blower A", "blower", 1, wear_days=4.0, wear=0.45),
    Story("Blower B", "blower", 1),
    Story("Gearbox conveyor 3", "gearbox", 1),
    Story("Spindle motor", "motor", 1, learning=0.42),
    Story("Compressor east", "compressor", 2, wear_days=6.0, wear=0.3),
    Story("Compressor west", "compressor", 2),
)


def asset_id(name: str) -> str:
    """Return a stable UUID for a name."""
    return str(uuid5(NAMESPACE_DNS, name))


def simulated_machine(story: Story) -> SimulatedMachine:
    """Return the device of a story."""
    channels = tuple(
        ChannelFacts(name, "g", RATE_HZ, 2, bearing) for name, bearing in (("DE.H", "SKF 6205"), ("NDE.V", None))
    )
    facts = MachineFacts(story.machine_class, SPEED_RPM, 2, "rigid", FEATURE_HASH, 1.0, 60.0, channels)
    features = tuple(
        (f"{channel.name}/{name}", unit) for channel in channels for name, (_, unit) in FEATURE_BASE.items()
    )
    return SimulatedMachine(story.name, asset_id(story.name), facts, features)


def wear_at(story: Story, end_ns: int, now_ns: int) -> float:
    """Return how far the fault has grown, 0 to the story's end."""
    if not story.wear_days:
        return 0.0
    since = 1.0 - (now_ns - end_ns) / (story.wear_days * DAY_NS)
    return story.wear * max(since, 0.0) ** 1.7


def summary(story: Story, machine: SimulatedMachine, start_ns: int, end_ns: int, now_ns: int) -> Summary:
    """Return one interval of a machine's life."""
    noise = np.random.default_rng([zlib.crc32(story.name.encode()), start_ns // MINUTE_NS])
    hour = start_ns % DAY_NS / HOUR_NS
    is_off = story.stops_at_night and (hour < 5 or hour >= 21)
    wear = wear_at(story, end_ns, now_ns)
    level = 0.03 if is_off else 1.0 + 0.06 * np.sin(2 * np.pi * hour / 24)
    mean = []
    for full_name, _ in machine.features:
        channel, name = full_name.split("/")
        base = FEATURE_BASE[name][0]
        share = 1.0 if channel == "DE.H" else 0.35
        growth = {"kurtosis": 2.2, "crest_factor": 0.8, "acceleration_rms": 1.6, "acceleration_peak": 3.2}.get(
            name, 0.5
        )
        growth = 6.0 if name.startswith("envelope") else growth
        scale = 1.0 if name in ("crest_factor", "kurtosis") else level
        mean.append(base * scale * (1.0 + growth * wear * share) * (1.0 + 0.03 * noise.standard_normal()))
    values = np.array(mean, np.float32)
    spread = np.abs(values) * np.float32(0.05)
    judged = story.learning >= 1.0 and not is_off
    score = 0.35 + 2.4 * wear + 0.08 * abs(noise.standard_normal()) if judged else None
    health = max(0.0, 100.0 - 75.0 * wear - 3.0 * abs(noise.standard_normal())) if judged else None
    return Summary(
        asset_id=machine.asset_id,
        machine=machine.name,
        start_ns=start_ns,
        end_ns=end_ns,
        operating_state="off" if is_off else steady("default"),
        windows=max(1, (end_ns - start_ns) // 500_000_000),
        feature_hash=FEATURE_HASH,
        feature_names=tuple(name for name, _ in machine.features),
        statistics=FeatureStatistics(values, values - 2 * spread, values + 3 * spread, spread),
        sample=values + spread,
        score=score,
        health_index=health,
        zone=None if is_off else ("A" if wear < 0.25 else "B" if wear < 0.6 else "C"),
        learning_progress=story.learning,
    )


def vibration(wear: float, seed: int) -> NDArray[np.float64]:
    """Return two seconds of a shaft with an outer race that is hit with every ball, in m/s²."""
    noise = np.random.default_rng(seed)
    t_s = np.arange(int(2 * RATE_HZ)) / RATE_HZ
    shaft_hz = SPEED_RPM / 60
    signal = 0.9 * np.sin(2 * np.pi * shaft_hz * t_s) + 0.3 * np.sin(2 * np.pi * 2 * shaft_hz * t_s)
    signal += 0.4 * noise.standard_normal(len(t_s))
    ring_s = np.arange(400) / RATE_HZ
    ring = np.exp(-ring_s * 900) * np.sin(2 * np.pi * 3_100 * ring_s)
    hit_s = 0.0
    while hit_s < 1.96:
        start = int(hit_s * RATE_HZ)
        signal[start : start + len(ring)] += 9.0 * wear * ring
        hit_s += (1.0 + 0.01 * noise.standard_normal()) / (BPFO * shaft_hz)
    return signal


def evidence(machine: SimulatedMachine, subject: str, end_ns: int, wear: float, seed: int) -> Evidence:
    """Return waveform and spectra of one moment."""
    channels = []
    for index, channel in enumerate(machine.facts.channels):
        wave = vibration(wear * (1.0, 0.3)[index], seed + index)
        window = np.hanning(len(wave))
        spectrum = np.abs(np.fft.rfft(wave * window)) / window.sum() * np.sqrt(2)
        band = np.fft.rfft(wave)
        band[: (2_000 * 2)] = 0
        squared = np.fft.irfft(band) ** 2
        lines = np.abs(np.fft.rfft(squared - squared.mean()))[: (1_000 * 2)]
        background = np.convolve(lines, np.ones(81) / 81, "same") + 1e-12
        scale = np.abs(wave).max() / 32_000
        channels.append(
            EvidenceChannel(
                name=channel.name,
                unit="m/s²",
                sample_rate_hz=RATE_HZ,
                waveform=np.round(wave / scale).astype(np.int16),
                waveform_scale=float(scale),
                spectrum=spectrum.astype(np.float32),
                spectrum_step_hz=0.5,
                envelope=(lines / background).astype(np.float32),
                envelope_step_hz=0.5,
            )
        )
    shaft_hz = SPEED_RPM / 60
    matched = wear > 0.2
    lines_sought = tuple(
        EvidenceLine(
            name,
            order,
            order * shaft_hz,
            order * shaft_hz * 1.001 if matched and name.startswith("BPFO") else None,
            18.5 - order if matched and name.startswith("BPFO") else None,
            matched and name.startswith("BPFO"),
        )
        for name, order in (
            ("BPFO", BPFO),
            ("BPFO 2×", 2 * BPFO),
            ("BPFO 3×", 3 * BPFO),
            ("BPFI", BPFI),
            ("BSF", BSF),
            ("FTF", FTF),
        )
    )
    facts = {
        "operating_state": steady("default"),
        "model": "mahalanobis 1",
        "clock_quality": "synchronised",
        "features": {
            "DE.H/acceleration_rms": [1.2 * (1 + 1.6 * wear), 1.2, "m/s²"],
            "DE.H/envelope_2": [0.08 * (1 + 6 * wear), 0.08, "m/s²"],
        },
    }
    return Evidence(subject, end_ns, SPEED_RPM, tuple(channels), lines_sought, facts)


def alarm(story: Story, machine: SimulatedMachine, since_ns: int, end_ns: int, **changes: object) -> AlarmReport:
    """Return a report on a worn outer race."""
    shaft_hz = SPEED_RPM / 60
    lines = (
        EvidenceLine("BPFO", BPFO, BPFO * shaft_hz, BPFO * shaft_hz * 1.001, 16.2, matched=True),
        EvidenceLine("BPFO 2×", 2 * BPFO, 2 * BPFO * shaft_hz, 2 * BPFO * shaft_hz * 1.001, 12.4, matched=True),
        EvidenceLine("BPFI", BPFI, BPFI * shaft_hz, None, None, matched=False),
    )
    diagnosis = Diagnosis(
        DiagnosisLabel.OUTER_RACE,
        "DE.H",
        0.86,
        "Outer-race damage at the drive end is likely: 2 lines match, growing for 9 days.",
        "Plan a bearing change within two weeks; check lubrication now.",
        lines,
    )
    first = AlarmReport(
        alarm_id=asset_id(f"alarm of {story.name}"),
        asset_id=machine.asset_id,
        machine=machine.name,
        component="DE",
        family=FailureFamily.MECHANICAL,
        state=AlarmState.ACTIVE,
        severity=Severity.ALERT,
        since_ns=since_ns,
        end_ns=end_ns,
        occurrence=1,
        revision=1,
        diagnosis=diagnosis,
        score=1.4,
        operating_state=steady("default"),
        model="mahalanobis 1",
        clock_quality=ClockQuality.SYNCHRONISED,
    )
    return replace(first, **changes)  # type: ignore[arg-type]  # a test may change anything


def health(gateway: SimulatedGateway, end_ns: int, minutes: int) -> GatewayHealth:
    """Return what a gateway says about itself."""
    raw = minutes * 60 * int(RATE_HZ) * 2 * 2 * len(gateway.machines)
    return GatewayHealth(
        gateway=gateway.name,
        asset_id=gateway.asset_id,
        end_ns=end_ns,
        agent_version="0.1.0",
        pending_records=3,
        outbox_bytes=48_000,
        dropped={"budget_summary_merged": 2} if gateway.name.endswith("2") else {},
        clock_quality=ClockQuality.SYNCHRONISED,
        clock_offset_s=0.004,
        cpu_percent=1.7 + 0.2 * np.sin(minutes),
        rss_mb=64.0,
        raw_bytes=raw,
        sent_bytes=raw // 2_400,
        windows=minutes * 119,
        certificate_days=9.5 if gateway.name.endswith("2") else 190.25,
    )


class Seeder:
    """Feeds messages to the real ingest, batch by batch."""

    def __init__(self, data_dir: Path, now_ns: int) -> None:
        """Open the stores."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self.now_ns = now_ns
        self.engine = open_book(book_url(data_dir / "book.sqlite"))
        # All of the plant's summaries lie within this retention.
        self.trends = SqliteTrendStore(data_dir / "trends.sqlite", RetentionSettings())
        self.ingest = Ingest(self.trends, self.engine, Status(), reorder_ms=500)
        self.ingest.store(self.ingest.plan([Connected()], now_ns // 1_000_000))
        self._waiting: list[Message] = []

    def send(self, *sent: Sent, at_ns: int) -> None:
        """Have messages arrive."""
        for one in sent:
            self._waiting.append(Message(one.topic, one.payload, retained=False, received_ms=at_ns // 1_000_000))
        if len(self._waiting) >= 500:
            self.flush(at_ns)

    def flush(self, at_ns: int) -> None:
        """Store what has arrived."""
        batch = self.ingest.plan(self._waiting, at_ns // 1_000_000)
        self.ingest.store(batch)
        self.ingest.commands(batch, at_ns // 1_000_000)
        self._waiting = []

    def close(self) -> None:
        """Close the stores."""
        self.trends.close()
        self.engine.dispose()


def send_evidence(seeder: Seeder, gateway: SimulatedGateway, picture: Evidence, machine: SimulatedMachine) -> None:
    """Send one evidence package in its parts."""
    parts = split_evidence(
        pack_evidence(picture),
        asset_id=machine.asset_id,
        machine=machine.name,
        subject=picture.subject,
        end_ns=picture.end_ns,
        part_bytes=16_384,
    )
    for part in parts:
        window = picture.end_ns // MINUTE_NS * 100 + part.index
        seeder.send(gateway.record(part, window), at_ns=picture.end_ns)


def seed(data_dir: Path, now_ns: int, days: float = DAYS) -> None:
    """Fill the stores in a data directory with a plant that ends now."""
    seeder = Seeder(data_dir, now_ns)
    machines = {story.name: simulated_machine(story) for story in STORIES}
    gateways = [
        SimulatedGateway(
            "demo-plant",
            f"gateway-{number + 1}",
            asset_id(f"gateway-{number + 1}"),
            [machines[story.name] for story in STORIES if story.gateway == number],
            incarnation=asset_id(f"incarnation {number}"),
        )
        for number in range(3)
    ]
    first_ns = now_ns - int(days * DAY_NS)
    first_ns -= first_ns % HOUR_NS
    for gateway in gateways:
        seeder.send(*gateway.births(first_ns // 1_000_000), at_ns=first_ns)
    _history(seeder, gateways, machines, first_ns)
    _alarms(seeder, gateways, machines)
    _rest(seeder, gateways)
    seeder.flush(now_ns)
    _answers(seeder)
    seeder.close()


def _history(
    seeder: Seeder, gateways: list[SimulatedGateway], machines: dict[str, SimulatedMachine], first_ns: int
) -> None:
    """Send weeks of coarse summaries and hours of fine ones, health, and a spectrum every noon."""
    now_ns = seeder.now_ns
    at_ns = first_ns
    while at_ns < now_ns:
        length_ns = FINE_NS if now_ns - at_ns <= FINE_FROM_NS else COARSE_NS
        end_ns = min(at_ns + length_ns, now_ns)
        for story in STORIES:
            gateway = gateways[story.gateway]
            if story.gateway == 2 and now_ns - end_ns < 5 * HOUR_NS:
                continue  # this gateway went offline
            # One gateway was cut off for two hours a week ago; its data came late.
            late = story.gateway == 1 and 7 * DAY_NS < now_ns - end_ns < 7 * DAY_NS + 2 * HOUR_NS
            one = summary(story, machines[story.name], at_ns, end_ns, now_ns)
            seeder.send(gateway.record(one, at_ns // MINUTE_NS, historical=late), at_ns=end_ns)
            if end_ns % DAY_NS // HOUR_NS == 12 and end_ns % HOUR_NS < length_ns and one.operating_state != "off":
                picture = evidence(
                    machines[story.name], "spectrum", end_ns, wear_at(story, end_ns, now_ns), end_ns % 1_000
                )
                send_evidence(seeder, gateway, picture, machines[story.name])
        for gateway in gateways[:2]:
            minutes = (end_ns - first_ns) // MINUTE_NS
            seeder.send(gateway.record(health(gateway, end_ns, minutes), at_ns // MINUTE_NS), at_ns=end_ns)
        at_ns = end_ns


def _alarms(seeder: Seeder, gateways: list[SimulatedGateway], machines: dict[str, SimulatedMachine]) -> None:
    """Send alarms that end in every state."""
    now_ns = seeder.now_ns
    by_name = {story.name: story for story in STORIES}

    def told(report: AlarmReport, *, historical: bool = False) -> None:
        gateway = gateways[by_name[report.machine].gateway]
        window = report.end_ns // MINUTE_NS + report.revision
        seeder.send(gateway.record(report, window, historical=historical), at_ns=report.end_ns)

    fan = by_name["Cooling tower fan 2"], machines["Cooling tower fan 2"]
    since_ns = now_ns - 5 * DAY_NS
    uncertain = Diagnosis(
        DiagnosisLabel.CHANGED,
        "DE.H",
        0.4,
        "Differs from its baseline at the drive end, cause not clear yet.",
        "Watch it; measure by hand if it grows.",
    )
    told(alarm(*fan, since_ns, since_ns, severity=Severity.WATCH, diagnosis=uncertain, score=1.05))
    told(alarm(*fan, since_ns, now_ns - 3 * DAY_NS, revision=2))
    told(alarm(*fan, since_ns, now_ns - 6 * HOUR_NS, revision=3, severity=Severity.DANGER, score=2.6))
    picture = evidence(fan[1], asset_id(f"alarm of {fan[0].name}"), now_ns - 6 * HOUR_NS, 0.9, 3)
    send_evidence(seeder, gateways[0], picture, fan[1])

    blower = by_name["Blower A"], machines["Blower A"]
    imbalance = Diagnosis(
        DiagnosisLabel.IMBALANCE,
        "NDE.V",
        0.72,
        "Imbalance is likely: the amplitude at running speed has doubled.",
        "Clean the rotor, then balance it.",
    )
    since_ns = now_ns - 2 * DAY_NS
    told(alarm(*blower, since_ns, since_ns, diagnosis=imbalance, component="NDE", score=1.2))
    send_evidence(seeder, gateways[1], evidence(blower[1], asset_id("alarm of Blower A"), since_ns, 0.3, 5), blower[1])

    pump = by_name["Raw water pump 1"], machines["Raw water pump 1"]
    sensor = Diagnosis(
        DiagnosisLabel.SENSOR_FAULT,
        "DE.H",
        0.95,
        "The sensor at DE.H reads a constant value: cable or sensor, not the machine.",
        "Check plug and cable of DE.H.",
    )
    since_ns = now_ns - 30 * HOUR_NS
    loose = {"diagnosis": sensor, "family": FailureFamily.SENSOR, "severity": Severity.WATCH, "score": 1.0}
    told(alarm(*pump, since_ns, since_ns, **loose))
    told(alarm(*pump, since_ns, since_ns + 2 * HOUR_NS, revision=2, state=AlarmState.RETURNED, **loose))

    east = by_name["Compressor east"], machines["Compressor east"]
    since_ns = now_ns - 8 * DAY_NS
    told(alarm(*east, since_ns, since_ns, severity=Severity.WATCH), historical=True)
    told(alarm(*east, since_ns, since_ns + DAY_NS, severity=Severity.WATCH, revision=2, state=AlarmState.RETURNED))


def _rest(seeder: Seeder, gateways: list[SimulatedGateway]) -> None:
    """Send a death, a foreign edge node, and garbage."""
    now_ns = seeder.now_ns
    gone_ns = now_ns - 5 * HOUR_NS
    seeder.send(gateways[2].death(gone_ns // 1_000_000), at_ns=gone_ns)
    foreign = ForeignNode("packaging", "line-4-plc")
    start_ns = now_ns - 2 * HOUR_NS
    seeder.send(
        foreign.birth(start_ns // 1_000_000, {"cabinet temperature": 31.0}),
        foreign.device_birth("filler", start_ns // 1_000_000, {"bottles per minute": 240.0, "motor temperature": 52.0}),
        at_ns=start_ns,
    )
    for minute in range(120):
        at_ns = start_ns + minute * MINUTE_NS
        values = {"bottles per minute": 240.0 + 6 * np.sin(minute / 7), "motor temperature": 52.0 + minute / 40}
        seeder.send(foreign.data(at_ns // 1_000_000, values, "filler"), at_ns=at_ns)
    seeder.send(Sent("spBv1.0/demo-plant/DDATA/gateway-1/pump", b"\xff\x00garbage"), at_ns=now_ns)
    seeder.send(Sent("spBv1.0/nonsense", b"hello"), at_ns=now_ns)


def _answers(seeder: Seeder) -> None:
    """Have people acknowledge some alarms."""
    now_ms = seeder.now_ns // 1_000_000
    for name, by, comment, hours_ago in (
        ("Blower A", "M. Ruiz", "Balancing booked for Thursday.", 20),
        ("Compressor east", "J. Lind", "Seen; was the load change of that day.", 150),
    ):
        own_id = asset_id(f"alarm of {name}")
        at_ms = now_ms - hours_ago * 3_600_000
        answer(
            seeder.engine,
            own_id,
            lambda standing, by=by, comment=comment, at_ms=at_ms: acknowledge(standing, by, comment, at_ms),
            what="alarm.acknowledge",
            at_ms=at_ms,
            detail={"comment": comment},
        )
