"""Record ids: the same for the same window, for ever; different for everything else."""

from __future__ import annotations

from models.contract.identity import record_id
from models.contract.vocabulary import RecordKind

ASSET = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"


def test_the_recipe_is_golden() -> None:
    """Stored ids depend on these values; a change here would double every record that is still in an outbox."""
    assert record_id(ASSET, RecordKind.SUMMARY, 1, 120) == 9352101799930108557
    assert record_id(ASSET.upper(), RecordKind.SUMMARY, 1, 120) == 9352101799930108557


def test_every_part_matters() -> None:
    ids = {
        record_id(asset, kind, epoch, window, detail)
        for asset in (ASSET, "a" + ASSET[1:])
        for kind in RecordKind
        for epoch in range(4)
        for window in range(200)
        for detail in ("", "0", "1")
    }
    assert len(ids) == 2 * 4 * 4 * 200 * 3
    assert all(0 <= i < 2**64 for i in ids)


def test_parts_do_not_run_into_each_other() -> None:
    assert record_id(ASSET, RecordKind.ALARM, 1, 23) != record_id(ASSET, RecordKind.ALARM, 12, 3)
