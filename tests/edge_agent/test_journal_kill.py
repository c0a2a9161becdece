"""A journal whose process is killed at any moment: no record lost, none doubled, no window skipped."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.journal_opening import open_journal
from models.contract.vocabulary import RecordKind

from .conftest import ASSET

ROOT = Path(__file__).resolve().parents[2]

WORK = """
import sys
from pathlib import Path
from edge_agent.journal import Change, MachineProgress, Stamp
from edge_agent.journal_opening import open_journal
from edge_agent.sources.base import SourcePosition
from models.contract.acknowledgement import Ranges
from models.contract.records import MetricValue, Record
from models.contract.vocabulary import ClockQuality, RecordKind

asset = {asset!r}
journal = open_journal(Path(sys.argv[1]), max_bytes=1 << 28, synchronous="FULL", boot_id="boot", tell=lambda line: None)
stored = journal.progress(asset)
window = 0 if stored is None else stored.position.next_index
print("ready", flush=True)
while True:
    window += 1
    records = tuple(
        Record(window * 10 + part, RecordKind.SUMMARY, asset, "pump-1", window, (MetricValue("Score", 1.0, 1),))
        for part in range(3)
    )
    progress = MachineProgress(asset, SourcePosition(1, window), str(window).encode())
    journal.commit([Change(Stamp("boot", 1, 1, ClockQuality.SYNCHRONISED), records, progress, {{"windows": 1}})])
    # Said only once it is on disk: from here on it must never be missing.
    print(window, flush=True)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_committed_is_there_after_every_kill_exactly_once(tmp_path, seed):
    """Twelve kills at random moments over two seeds; each run goes on where the one before really stood."""
    moments = random.Random(seed)
    said = 0
    for _ in range(6):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORK.format(asset=ASSET), str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.0, 0.15))
        worker.kill()
        heard = [int(line) for line in worker.stdout.read().split("\n") if line.isdigit()]
        worker.stdout.close()
        worker.wait()
        assert heard == list(range(heard[0], heard[0] + len(heard))) if heard else True
        said = max([said, *heard])
        journal = open_journal(tmp_path, max_bytes=1 << 28, synchronous="FULL", boot_id="boot", tell=lambda _line: None)
        progress = journal.progress(ASSET)
        stood = 0 if progress is None else progress.position.next_index
        ids = [p.record.record_id for p in journal.pending(RecordKind.SUMMARY, after=0, up_to=2**62, limit=1_000_000)]
        assert stood >= said
        assert ids == [window * 10 + part for window in range(1, stood + 1) for part in range(3)]
        assert progress is None or progress.state == str(stood).encode()
        assert journal.counters().get("windows", 0) == stood
        # Closed without a word, as the next kill would.
        journal.close()
    assert said > 0
