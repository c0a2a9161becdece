"""The table of results in the README: one line per public set, detection with its false alarms, written by `all`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from plantpulse.marked_table import Markers
from plantpulse.model_commands.results_page import number_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.training.evaluation.result import Evaluation

MARKERS: Final = Markers("<!-- results:begin -->", "<!-- results:end -->")


class Row(NamedTuple):
    """One line: the set, what a person knows it as, and a sentence over the keys of its pooled numbers."""

    name: str
    what: str
    form: str


ROWS: Final = (
    Row(
        "cwru",
        "CWRU motor rig, which part of the bearing",
        "{whole_right} of {files} files right, {whole_wrong} wrong; "
        "{healthy_windows_named} of {healthy_windows} healthy windows named",
    ),
    Row(
        "mfpt",
        "MFPT rig under changing load, which part",
        "{whole_right} of {files} files right, {whole_wrong} wrong",
    ),
    Row(
        "femto",
        "FEMTO, bearings run to failure",
        "{found} of {runs} found {shortest_lead_time_s} s to {longest_lead_time_s} s before the end, "
        "{early_alarms} early alarms",
    ),
    Row(
        "ims",
        "NASA IMS test 2, a bearing over a week",
        "{lead_time_h} h before the end, on bearing {first_bearing_told}; {early_alarms} early alarms",
    ),
    Row(
        "gearbox",
        "Broken tooth, healthy runs louder than broken ones",
        "{broken_runs_alarmed} of {broken_runs} told, {healthy_runs_alarmed} healthy ones alarmed",
    ),
    Row(
        "drill_press",
        "Imbalance heard by a cheap sensor",
        "{detected_percent} % of windows, {false_alarms_percent} % of healthy ones",
    ),
    Row(
        "skab",
        "SKAB water loop, leaderboard's protocol",
        "F1 {f1}, {false_alarms_percent} % false alarms, {missed_percent} % missed",
    ),
    Row(
        "nab",
        "NAB machine temperature, standard profile",
        "score {standard_score}, {windows_found} of {windows} found, {false_alarms} false alarms",
    ),
    Row(
        "hydraulic",
        "Hydraulic rig, cooler and valve",
        "cooler {cooler_balanced_accuracy}, valve {valve_balanced_accuracy} balanced accuracy; "
        "{healthy_blocks_alarmed} of {healthy_blocks} healthy blocks alarmed",
    ),
    Row(
        "cmapss",
        "C-MAPSS FD001 turbofans, flights left",
        "RMSE {rmse_flights} flights, {late_by_over_10} of {engines} told over ten too many",
    ),
    Row(
        "false_alarms",
        "False alarms on all healthy stretches",
        "{false_alarms_with_nab} in {machine_months_with_nab} machine-months "
        "(95 %: at most {at_most_per_machine_month_95_with_nab} per month), "
        "{time_in_alarm_percent_with_nab} % of the time in alarm",
    ),
)


def results_table(evaluations: Mapping[str, Evaluation]) -> str:
    """Return the table in Markdown; sets that were not evaluated are left out."""
    lines = ["| recordings | what ships attains |", "|---|---|"]
    for row in ROWS:
        if row.name in evaluations:
            pooled = {name: number_text(value) for name, value in evaluations[row.name].pooled.items()}
            lines.append(f"| {row.what} | {row.form.format_map(pooled)} |")
    return "\n".join(lines)
