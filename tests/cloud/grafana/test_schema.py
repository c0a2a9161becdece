"""Schema-checked, not run: dashboards and rules against what Grafana publishes of its formats.

Two sources: `@grafana/schema` (TypeScript, what Grafana's browser side is built with) and the Foundation SDK (Python,
generated from the schemas of Grafana 11.6, which has alert rules as well). Neither runs Grafana.
"""

from __future__ import annotations

import copy
import json
import subprocess

import pytest
from conftest import npm_modules
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting
from grafana_foundation_sdk.models import dashboard as models

from cloud.grafana.boards import Places
from cloud.grafana.files import dashboards
from cloud.grafana.pushing import signed
from cloud.grafana.rules import group

plugins.register_default_plugins()

BOARDS = {one["uid"]: signed(one) for one in dashboards(Places())}


def round_trip(model, document):
    """Return a document after Grafana's own model has read and written it."""
    return json.loads(json.dumps(model.from_json(document), cls=JSONEncoder))


def lost(ours, theirs, path=""):
    """Return what of a document is not there, or is another, after a round trip; what defaults add is no loss."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            found
            for name, value in ours.items()
            for found in (lost(value, theirs[name], f"{path}/{name}") if name in theirs else [f"{path}/{name}"])
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            found
            for number, (a, b) in enumerate(zip(ours, theirs, strict=True))
            for found in lost(a, b, f"{path}/{number}")
        ]
    return [] if ours == theirs else [path]


@pytest.mark.parametrize("uid", BOARDS)
def test_the_models_of_grafana_11_6_know_every_property(uid):
    found = lost(BOARDS[uid], round_trip(models.Dashboard, BOARDS[uid]))
    # The 11.6 model calls its own AnnotationTarget a stand-in for a query of the data source; Influx's is in it.
    open_ended = {
        f"/annotations/list/{number}/target/{name}"
        for number in range(len(BOARDS[uid]["annotations"]["list"]))
        for name in ("refId", "query")
    }
    assert set(found) == open_ended


def test_a_property_that_they_do_not_know_is_found():
    """The check can fail: at the top, in a panel, in its options, in a variable."""
    board = copy.deepcopy(BOARDS["plantpulse-fleet"])
    board["colour"] = 1
    board["panels"][0]["tittle"] = "x"
    board["panels"][0]["options"]["colourMode"] = "value"
    board["panels"][0]["fieldConfig"]["defaults"]["units"] = "s"
    board["templating"]["list"][0]["labels"] = "x"
    assert set(lost(board, round_trip(models.Dashboard, board))) == {
        "/colour",
        "/panels/0/tittle",
        "/panels/0/options/colourMode",
        "/panels/0/fieldConfig/defaults/units",
        "/templating/list/0/labels",
    }


def test_the_models_of_alerting_know_every_property_of_our_rules():
    rules = group(Places())
    assert lost(rules, round_trip(alerting.RuleGroup, rules)) == []
    wrong = copy.deepcopy(rules)
    wrong["rules"][0]["forDuration"] = "1m"
    wrong["rules"][0]["data"][0]["range"] = 1
    found = lost(wrong, round_trip(alerting.RuleGroup, wrong))
    assert found == ["/rules/0/data/0/range", "/rules/0/forDuration"]


PANEL_TYPES = {"timeseries": "TimeSeries", "state-timeline": "StateTimeline", "table": "Table", "stat": "Stat"}
WITH_FIELDS = {"timeseries", "state-timeline"}
"""Panels with settings of their own for each field; tables have theirs in overrides, which the types leave open."""

PREAMBLE = """
import type {{ AnnotationQuery, Dashboard, DataQuery, Panel }} from '{schema}/dist/types/index';
{imports}
// JSON has no enumerations: their texts are what a document holds.
type Plain<T> = T extends string ? `${{T}}`
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? {{ [K in keyof T]: Plain<T[K]> }}
  : T;
type FluxQuery = DataQuery & {{ query: string }};
type OurPanel<O, F> = Omit<Panel<O, F>, 'targets' | 'options' | 'fieldConfig'> & {{
  targets: FluxQuery[];
  options: O;
  fieldConfig: Omit<NonNullable<Panel['fieldConfig']>, 'defaults'> & {{
    defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom' | 'links' | 'mappings'> & {{
      custom: F; links?: {{ title: string; url: string; targetBlank: boolean }}[];
      mappings?: NonNullable<Panel['fieldConfig']>['defaults']['mappings'];
    }};
  }};
}};
type OurDashboard = Omit<Dashboard, 'panels' | 'annotations'> & {{
  annotations: {{ list: AnnotationQuery<FluxQuery>[] }};
}};
"""


def typescript(boards, modules):
    """Return a program whose types hold exactly if the dashboards are what Grafana's types say."""
    schema = modules / "@grafana" / "schema"
    imports = ""
    for plugin, name in PANEL_TYPES.items():
        place = f"{schema}/dist/esm/raw/composable/{plugin.replace('-', '')}/panelcfg/x/{name}PanelCfg_types.gen"
        imports += f"import type {{ Options as {name}Options }} from '{place}';\n"
        if plugin in WITH_FIELDS:
            imports += f"import type {{ FieldConfig as {name}Fields }} from '{place}';\n"
    lines = [PREAMBLE.format(schema=schema, imports=imports)]
    number = 0
    for board in boards:
        rest = {name: value for name, value in board.items() if name != "panels"}
        lines.append(f"const board{number}: Plain<OurDashboard> = {json.dumps(rest)};")
        for panel in board["panels"]:
            number += 1
            name = PANEL_TYPES[panel["type"]]
            fields = f"Partial<{name}Fields>" if panel["type"] in WITH_FIELDS else "Record<string, never>"
            kind = f"Plain<OurPanel<Partial<{name}Options>, {fields}>>"
            lines.append(f"const panel{number}: {kind} = {json.dumps(panel)};")
        number += 1
    return "\n".join([*lines, "export {};"])


def compiled(program, folder, modules):
    """Return what the compiler says about a program; nothing if its types hold."""
    source = folder / "boards.ts"
    source.write_text(program, encoding="utf-8")
    compiler = modules / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext"]
    command = ["node", str(compiler), *options, "--moduleResolution", "bundler", str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=120).stdout


@pytest.mark.needs("node", "npm/@grafana/schema", "npm/typescript")
def test_the_types_of_grafana_13_hold(tmp_path):
    modules = npm_modules()
    assert compiled(typescript(BOARDS.values(), modules), tmp_path, modules) == ""


@pytest.mark.needs("node", "npm/@grafana/schema", "npm/typescript")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("colour",), 1),
        (("graphTooltip",), "shared"),
        (("panels", 0, "tittle"), "x"),
        (("panels", 0, "options", "colorMode"), "rainbow"),
        (("panels", 2, "fieldConfig", "defaults", "thresholds", "mode"), "relative"),
        (("templating", "list", 0, "type"), "choice"),
        (("panels", 5, "fieldConfig", "defaults", "custom", "drawStyle"), "lines"),
    ],
)
def test_the_types_find_what_is_wrong(tmp_path, path, value):
    board = copy.deepcopy(BOARDS["plantpulse-fleet"])
    place = board
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert "error TS" in compiled(typescript([board], npm_modules()), tmp_path, npm_modules())
