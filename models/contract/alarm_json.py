"""The metric `Alarm/Record`: one alarm report as JSON that people can read in any MQTT client.

An alarm must get through: where its evidence lines make it longer than the bound, the ones that did not match are
left out first, then the weakest. A signal-to-noise ratio against no noise at all is not a JSON number and is left out.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any, Final

from models.contract import limits
from models.contract.errors import RecordError, SchemaTooNewError
from models.contract.records import RECORD_SCHEMA, AlarmReport, Diagnosis, EvidenceLine
from models.contract.strict_json import Reader, format_object, parse_object
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily, Severity

_WHAT: Final = "Alarm/Record"


def format_alarm(report: AlarmReport) -> str:
    """Return the JSON text of an alarm report, at most 16 KiB.

    Raises:
        RecordError: a number is not finite, or the texts alone are too long.
    """
    lines = tuple(_finite(line) for line in report.diagnosis.evidence)
    if len(lines) > limits.EVIDENCE_LINES:
        lines = _strongest(lines, limits.EVIDENCE_LINES)
    while True:
        shortened = replace(report, diagnosis=replace(report.diagnosis, evidence=lines))
        text = format_object({"schema": RECORD_SCHEMA, **asdict(shortened)}, f"alarm {report.alarm_id}")
        if len(text.encode()) <= limits.ALARM_RECORD_BYTES:
            return text
        if not lines:
            raise RecordError(f"alarm {report.alarm_id}: longer than {limits.ALARM_RECORD_BYTES} bytes without a line")
        lines = _strongest(lines, len(lines) // 2)


def _finite(line: EvidenceLine) -> EvidenceLine:
    if line.snr_db is None or math.isfinite(line.snr_db):
        return line
    return replace(line, snr_db=None)


def _strongest(lines: tuple[EvidenceLine, ...], most: int) -> tuple[EvidenceLine, ...]:
    """Return the lines that say most, in their order."""
    ranked = sorted(lines, key=lambda line: (line.matched, line.snr_db or -math.inf), reverse=True)[:most]
    kept = {id(line) for line in ranked}
    return tuple(line for line in lines if id(line) in kept)


def parse_alarm(text: str) -> AlarmReport:
    """Return the alarm report in a JSON text; keys that are not known are ignored.

    Raises:
        SchemaTooNewError: written by a newer version.
        RecordError: not JSON, beyond a bound, or a value of another type than expected.
    """
    document = parse_object(text, limits.ALARM_RECORD_BYTES, _WHAT)
    read = Reader(document, _WHAT)
    schema = read.integer("schema")
    if schema > RECORD_SCHEMA:
        raise SchemaTooNewError(f"{_WHAT} in schema {schema}: this version reads {RECORD_SCHEMA}")
    return AlarmReport(
        alarm_id=read.text("alarm_id", 64),
        asset_id=read.text("asset_id", 64),
        machine=read.text("machine", limits.ID_CHARS),
        component=read.text("component", 256),
        family=read.one_of(FailureFamily, "family"),
        state=read.one_of(AlarmState, "state"),
        severity=read.one_of(Severity, "severity"),
        since_ns=read.integer("since_ns"),
        end_ns=read.integer("end_ns"),
        occurrence=read.integer("occurrence"),
        revision=read.integer("revision"),
        diagnosis=_diagnosis(read.object("diagnosis")),
        score=read.number("score"),
        operating_state=read.text("operating_state", 256),
        model=read.text("model", 256),
        clock_quality=read.one_of(ClockQuality, "clock_quality"),
    )


def _diagnosis(document: dict[str, Any]) -> Diagnosis:
    read = Reader(document, f"{_WHAT}, diagnosis")
    return Diagnosis(
        label=read.one_of(DiagnosisLabel, "label"),
        channel=read.optional(read.text, "channel"),
        confidence=read.number("confidence"),
        sentence=read.text("sentence"),
        next_step=read.text("next_step"),
        evidence=tuple(read_evidence_line(entry) for entry in read.objects("evidence", limits.EVIDENCE_LINES)),
    )


def read_evidence_line(document: dict[str, Any]) -> EvidenceLine:
    """Return one evidence line of a parsed JSON object.

    Raises:
        RecordError: a value is missing or of another type than expected.
    """
    read = Reader(document, "evidence line")
    return EvidenceLine(
        line=read.text("line", 256),
        order=read.number("order"),
        expected_hz=read.number("expected_hz"),
        found_hz=read.optional(read.number, "found_hz"),
        snr_db=read.optional(read.number, "snr_db"),
        matched=read.boolean("matched"),
    )
