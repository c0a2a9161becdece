"""`plantpulse cloud models` and `cloud rollout` as people and scripts call them."""

from __future__ import annotations

import json

import pytest
from support.model_versions import RUIZ, bundle_facts, put_gateways

from cloud.book.model_registry import add_version, change_version
from cloud.book.opening import book_url, open_book
from cloud.registry import Step
from plantpulse.command_line import main


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "cloud.toml"
    path.write_text('[cloud]\ndata_dir = "data"\n', encoding="utf-8")
    return path


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "data").mkdir()
    engine = open_book(book_url(tmp_path / "data" / "book.sqlite"))
    yield engine
    engine.dispose()


@pytest.fixture
def cloud(engine, configuration, capsys):
    """Call a sub-command on a book with a candidate and two gateways."""
    put_gateways(engine, ["g1", "g2"])
    add_version(engine, bundle_facts(), RUIZ, by_person=True)

    def call(*words):
        try:
            code = main(["cloud", *words, "--config", str(configuration)])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def release(engine, cloud):
    assert cloud("models", "approve", "pump", "1.0.0")[0] == 0
    (row,) = (one for one in _versions(cloud) if one["state"] == "approved")
    change_version(engine, row["id"], Step.RELEASE, RUIZ)


def _versions(cloud):
    return json.loads(cloud("models", "list", "--json")[1])["versions"]


def test_a_candidate_is_listed_and_approved(cloud):
    assert cloud("models", "list")[1] == "pump  1.0.0  candidate  false_alarms_per_1000_h 0.4\n"
    assert cloud("models", "approve", "pump", "1.0.0") == (0, "pump 1.0.0: approved\n", "")
    (row,) = _versions(cloud)
    assert (row["state"], row["approved_by"].endswith("(command line)")) == ("approved", True)
    assert cloud("models", "list", "--class", "fan")[1] == "no versions yet\n"
    code, _, complaint = cloud("models", "approve", "pump", "1.0.0")
    assert (code, "only what is candidate" in complaint) == (1, True)


def test_a_rollout_from_start_to_rollback(engine, cloud):
    release(engine, cloud)
    assert cloud("rollout", "status")[1] == "no rollouts yet\n"
    code, said, _ = cloud("rollout", "start", "pump", "1.0.0", "--json")
    started = json.loads(said)
    assert (code, started["phase"], started["stages"]) == (0, "running", 3)
    assert [one["target"] for one in started["gateways"]].count("1.0.0") == 1
    short = started["id"][:8]
    for verb, phase in (("pause", "paused"), ("resume", "running"), ("halt", "halted"), ("rollback", "rolled_back")):
        code, said, _ = cloud("rollout", verb, short, "--why", "a try", "--json")
        assert (code, json.loads(said)["phase"]) == (0, phase)
    code, said, _ = cloud("rollout", "status", short)
    assert (code, said.splitlines()[0].split(": ", 1)[0]) == (0, f"{short}  pump 1.0.0  rolled back")
    assert "plant:g1" in said
    code, _, complaint = cloud("rollout", "resume", short)
    assert (code, complaint.count("\n"), "takes no resume" in complaint) == (1, 1, True)
    assert cloud("audit", "verify")[0] == 0


def test_a_plan_from_a_file(engine, cloud, tmp_path):
    release(engine, cloud)
    plan = tmp_path / "plan.toml"
    stage = "[[stages]]\nshare = 1.0\nsoak_h = 1\nlimit_h = 5\nmachine_hours = 10\n"
    plan.write_text(stage.replace("share", "shares"), encoding="utf-8")
    code, _, complaint = cloud("rollout", "start", "pump", "1.0.0", "--plan", str(plan))
    assert (code, complaint.count("\n"), "shares" in complaint, "plan.toml" in complaint) == (2, 1, True, True)
    plan.write_text(stage.replace("limit_h = 5", "limit_h = 0.5"), encoding="utf-8")
    code, _, complaint = cloud("rollout", "start", "pump", "1.0.0", "--plan", str(plan))
    assert (code, "shorter than the time limit" in complaint) == (2, True)
    plan.write_text(stage, encoding="utf-8")
    code, said, _ = cloud("rollout", "start", "pump", "1.0.0", "--plan", str(plan), "--json")
    assert [one["target"] for one in json.loads(said)["gateways"]] == ["1.0.0", "1.0.0"]


def test_mistakes_are_one_line(cloud):
    for words, fact in (
        (("models", "approve", "pump", "9.9.9"), "there is: 1.0.0"),
        (("rollout", "start", "fan", "1.0.0"), "none of that class"),
        (("rollout", "halt", "zz"), "no rollout begins so"),
    ):
        code, _, complaint = cloud(*words)
        assert (code, complaint.count("\n"), fact in complaint) == (2, 1, True), complaint
    code, _, complaint = cloud("rollout", "start", "pump", "1.0.0")
    assert (code, "release it first" in complaint) == (1, True)
