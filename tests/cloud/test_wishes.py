"""What people want of gateways: told when they are there, told again, and known to have come."""

from __future__ import annotations

import pytest
from support.cloud_bench import bench, pump_gateway
from support.contract_examples import ALARM_ID, ASSET, START_NS, alarm

from cloud.book.labelling import Said, label_alarm, label_stretch
from cloud.book.requests import MomentState, ask_for_moment, last_request, relearning_of
from cloud.errors import ConflictError, NotFoundError
from cloud.ingest import TELL_AGAIN_MS
from models.contract import metrics
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.kept_moment import KeptMoment, MomentRequest
from models.contract.records import Evidence
from models.contract.sparkplug import Metric, decode_payload
from models.contract.vocabulary import Finding


@pytest.fixture
def cloud(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as made:
        yield made


@pytest.fixture
def gateway(cloud):
    gateway = pump_gateway()
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(alarm(), 0))
    return gateway


def _told(cloud, topic) -> list[Metric]:
    """Return what was written to a topic since the last time."""
    told = [m for command in cloud.commands if command.topic == topic for m in decode_payload(command.payload).metrics]
    cloud.commands.clear()
    return told


def _requests(cloud, gateway):
    alias, _ = gateway.aliases[None, metrics.EVIDENCE_REQUEST]
    return [m.value for m in _told(cloud, "spBv1.0/plant/NCMD/gateway-1") if m.alias == alias]


def _learnings(cloud, gateway):
    alias, _ = gateway.aliases["pump-1", metrics.LEARNING_SINCE]
    return [m.value for m in _told(cloud, "spBv1.0/plant/DCMD/gateway-1/pump-1") if m.alias == alias]


def _answer(refusal=""):
    evidence = Evidence(ALARM_ID, START_NS + 1, None, (), (), KeptMoment(START_NS, refusal).fact())
    package = pack_evidence(evidence)
    return split_evidence(package, asset_id=ASSET, machine="pump-1", subject=ALARM_ID, end_ns=START_NS + 1)


WANTED = MomentRequest(ASSET, ALARM_ID).text


def test_a_moment_is_asked_for_once_a_minute_until_it_comes(cloud, gateway):
    ask_for_moment(cloud.engine, ALARM_ID, "anna", cloud.now_ms)
    cloud.arrive()
    assert _requests(cloud, gateway) == [WANTED]
    cloud.arrive()
    assert _requests(cloud, gateway) == []
    cloud.arrive(after_ms=TELL_AGAIN_MS)
    assert _requests(cloud, gateway) == [WANTED]
    cloud.arrive(*[gateway.record(part, number) for number, part in enumerate(_answer(), 1)])
    assert last_request(cloud.engine, ALARM_ID).state == MomentState.DELIVERED
    cloud.arrive(after_ms=2 * TELL_AGAIN_MS)
    assert _requests(cloud, gateway) == []


def test_a_moment_is_no_picture_that_came_with_the_alarm(cloud, gateway):
    ask_for_moment(cloud.engine, ALARM_ID, "anna", cloud.now_ms)
    cloud.arrive(*[gateway.record(part, number) for number, part in enumerate(_answer(), 1)])
    with pytest.raises(NotFoundError):
        cloud.book.alarm_evidence(ALARM_ID)
    assert cloud.book.alarm_evidence(ALARM_ID, moment=True).is_moment
    assert cloud.book.evidence_list(ASSET, None, 10) == []
    assert cloud.book.evidence_states([cloud.book.alarm(ALARM_ID)]) == {}


def test_what_the_gateway_does_not_have_is_said_and_can_be_asked_for_again(cloud, gateway):
    ask_for_moment(cloud.engine, ALARM_ID, "anna", cloud.now_ms)
    with pytest.raises(ConflictError, match="asked for already"):
        ask_for_moment(cloud.engine, ALARM_ID, "bert", cloud.now_ms)
    cloud.arrive(*[gateway.record(part, number) for number, part in enumerate(_answer("too old"), 1)])
    answered = last_request(cloud.engine, ALARM_ID)
    assert (answered.state, answered.detail) == (MomentState.REFUSED, "too old")
    with pytest.raises(NotFoundError):
        cloud.book.alarm_evidence(ALARM_ID, moment=True)
    ask_for_moment(cloud.engine, ALARM_ID, "bert", cloud.now_ms)


def test_a_gateway_that_is_away_is_told_when_it_is_back_also_by_another_process(cloud, gateway, book_database):
    cloud.arrive(gateway.death(cloud.now_ms))
    ask_for_moment(cloud.engine, ALARM_ID, "anna", cloud.now_ms)
    cloud.arrive(after_ms=TELL_AGAIN_MS)
    assert _requests(cloud, gateway) == []
    cloud.trends.close()
    with bench(cloud.directory, cloud.now_ms, book=book_database.url) as again:
        gateway.bd_seq += 1
        again.arrive(*gateway.births(again.now_ms))
        again.arrive()
        assert _requests(again, gateway) == [WANTED]


def test_an_alarm_that_nobody_knows_has_no_moment(cloud):
    with pytest.raises(NotFoundError):
        ask_for_moment(cloud.engine, "nobody", "anna", cloud.now_ms)


def _found(part):
    return Said("anna", Finding.OUTER_RACE, None, "bearing changed", part, "")


def test_a_replaced_part_has_the_machine_learn_anew_until_its_birth_says_so(cloud, gateway):
    label_alarm(cloud.engine, ALARM_ID, _found("6205"), cloud.now_ms)
    since_ms = cloud.now_ms
    cloud.arrive()
    assert _learnings(cloud, gateway) == [since_ms]
    cloud.arrive(after_ms=TELL_AGAIN_MS)
    assert _learnings(cloud, gateway) == [since_ms]
    assert relearning_of(cloud.engine, ASSET).done_ms is None
    gateway.learning_since_ms = since_ms
    cloud.arrive(gateway.births(cloud.now_ms)[0], *gateway.births(cloud.now_ms)[1:])
    assert relearning_of(cloud.engine, ASSET).done_ms is not None
    cloud.arrive(after_ms=2 * TELL_AGAIN_MS)
    assert _learnings(cloud, gateway) == []


def test_nothing_is_learnt_anew_where_nothing_was_replaced(cloud, gateway):
    label_alarm(cloud.engine, ALARM_ID, _found(""), cloud.now_ms)
    cloud.arrive()
    assert _learnings(cloud, gateway) == []
    assert relearning_of(cloud.engine, ASSET) is None


@pytest.mark.usefixtures("gateway")
def test_of_two_replaced_parts_the_later_counts(cloud):
    now_ms = cloud.now_ms
    label_stretch(cloud.engine, ASSET, (now_ms - 9_000, now_ms - 5_000), _found("coupling"), now_ms)
    label_stretch(cloud.engine, ASSET, (now_ms - 99_000, now_ms - 50_000), _found("6205"), now_ms)
    assert relearning_of(cloud.engine, ASSET).since_ms == now_ms - 5_000
