"""`models fit`, `score` and `inspect` as people call them: on real recordings, on tables, and with their mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from support.ringing import signal

from plantpulse.command_line import main

HEALTHY = "97_Normal_0_first_half.mat"
FAULTY = "48k_DE_IR_007_109_0.mat"


def call(capsys, *words):
    """Return exit code, standard output and standard error of a command."""
    code = main(["models", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def saved(path, samples, names=("DE", "FE")):
    """Write samples as a table of fast channels, and return the path."""
    t = np.arange(samples.shape[1]) / 12_000.0
    np.savez(path, **dict(zip(names, samples, strict=True)), fs=12_000.0, t=t)
    return path


@pytest.mark.needs("recordings/cwru")
def test_fit_to_int8_to_score_on_real_recordings_in_half_a_minute_and_half_a_gigabyte(recordings, tmp_path):
    folder, bundle = recordings / "cwru", tmp_path / "cwru.bundle"
    flags = ("--rate", "48000", "--unit", "g")
    # VmHWM, because what getrusage states begins with what the process before it had.
    program = (
        "import sys; from plantpulse.command_line import main; code = main(sys.argv[1:]);"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1];"
        "print(peak, 'tensorflow' in sys.modules, file=sys.stderr); sys.exit(code)"
    )

    def run(*words):
        command = [sys.executable, "-c", program, "models", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        peak_kb, has_tensorflow = done.stderr.split()[-2:]
        assert has_tensorflow == "False"
        return done.stdout, int(peak_kb) / 1024

    begun_s = time.monotonic()
    _, fit_mb = run("fit", folder / HEALTHY, *flags, "-o", bundle)
    out, score_mb = run("score", bundle, folder / HEALTHY, folder / FAULTY, *flags, "--json")
    took_s = time.monotonic() - begun_s
    rows = [json.loads(line) for line in out.splitlines()]
    print(f"fit and score in {took_s:.1f} s, {fit_mb:.0f} and {score_mb:.0f} MB, bundle {bundle.stat().st_size} bytes")
    healthy = [row for row in rows if row["file"].endswith(HEALTHY)]
    faulty = [row for row in rows if row["file"].endswith(FAULTY)]
    assert not any(row["anomalous"] for row in healthy)
    assert all(row["anomalous"] for row in faulty)
    assert list(rows[0]) == ["file", "end_s", "score", "p_value", "anomalous", "state"]
    assert took_s < 30.0
    assert max(fit_mb, score_mb) < 500.0
    assert bundle.stat().st_size < 30_000


@pytest.mark.needs("recordings/skab")
def test_a_table_with_labels_is_refused_until_somebody_says_what_to_do(recordings, tmp_path, capsys):
    folder, bundle = recordings / "skab", tmp_path / "loop.bundle"
    file = next((folder / "valve1").glob("*.csv"))
    code, _, err = call(capsys, "fit", file, "-o", bundle)
    assert code == 2
    assert "looks like a label" in err
    assert "--ignore anomaly,changepoint" in err
    assert not bundle.exists()
    quiet = folder / "anomaly-free" / "anomaly-free.csv"
    assert call(capsys, "fit", quiet, "-o", bundle)[0] == 0
    # Only the columns that it was fitted on are read from a file that has labels beside them.
    code, out, _ = call(capsys, "score", bundle, file)
    assert code == 0
    assert "rows judged" in out


def test_inspect_says_what_it_is_and_that_it_answers_as_it_should(tmp_path, capsys):
    healthy = saved(tmp_path / "healthy.npz", signal(16.0, 1))
    bundle = tmp_path / "pump.bundle"
    settings = tmp_path / "fit.toml"
    settings.write_text('version = "2.1"\nmachine_class = "pump"\nwindow_s = 0.5\n')
    code, out, _ = call(capsys, "fit", healthy, "--unit", "m/s2", "-o", bundle, "--config", settings, "--json")
    assert (code, json.loads(out)["version"]) == (0, "2.1")
    code, out, _ = call(capsys, "inspect", bundle)
    assert code == 0
    assert out.startswith("pump/2.1")
    assert "80 known answers reproduced" in out
    document = json.loads(call(capsys, "inspect", bundle, "--json")[1])
    assert document["features"]["window_samples"] == 6_000
    assert document["golden"] == "80 known answers reproduced"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "{healthy}", "-o", "{folder}/no/such/place.bundle"), "cannot be written"),
        (("fit", "{healthy}", "-o", "{out}", "--detector", "svm"), "choose from mahalanobis"),
        (("fit", "{healthy}", "-o", "{out}", "--ignore", "NDE"), "--ignore NDE: no such column; there are DE, FE"),
        (("fit", "{healthy}", "-o", "{out}", "--ignore", "DE,FE"), "no column is left"),
        (("fit", "{healthy}", "-o", "{out}", "--columns", "DE,XX"), "XX"),
        (("fit", "{missing}", "-o", "{out}"), "missing.npz"),
        (("fit", "{healthy}", "-o", "{out}", "--config", "{bad}"), "wndow_s"),
        (("score", "{missing}", "{healthy}"), "cannot be read"),
        (("score", "{healthy}", "{healthy}"), "no bundle"),
        (("inspect", "{bad}"), "no bundle"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two_or_one(tmp_path, capsys, words, message):
    places = {
        "folder": tmp_path,
        "out": tmp_path / "out.bundle",
        "missing": tmp_path / "missing.npz",
        "healthy": saved(tmp_path / "healthy.npz", signal(4.0, 1)),
        "bad": tmp_path / "bad.toml",
    }
    places["bad"].write_text("wndow_s = 1.0\n")
    more = ("--unit", "m/s2") if words[0] == "fit" else ()
    code, out, err = call(capsys, *(word.format(**places) for word in words), *more)
    assert code == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert message in last
    assert "Traceback" not in err


@pytest.mark.needs("recordings/cwru")
def test_a_bundle_is_a_baseline_for_analyze_like_the_recording_it_was_fitted_on(recordings, tmp_path, capsys):
    folder, bundle = recordings / "cwru", tmp_path / "cwru.bundle"
    flags = ("--rate", "48000", "--unit", "g")
    assert call(capsys, "fit", folder / HEALTHY, *flags, "-o", bundle, "--detector", "mahalanobis")[0] == 0
    verdicts = []
    for baseline in (folder / HEALTHY, bundle):
        code = main(["analyze", str(folder / FAULTY), *flags, "--baseline", str(baseline), "--json"])
        assert code == 0
        verdicts.append(json.loads(capsys.readouterr().out)["verdict"])
    assert verdicts[0]["label"] == verdicts[1]["label"] == "changed"
    healthy = main(["analyze", str(folder / HEALTHY), *flags, "--baseline", str(bundle), "--json"])
    assert healthy == 0
    assert json.loads(capsys.readouterr().out)["verdict"]["label"] == "healthy"
