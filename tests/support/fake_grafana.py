"""A server that answers as Grafana's HTTP API documents it, as far as pushing uses it. It is not Grafana.

Written from the documentation: folders (409 where one exists), dashboards (a version that counts up, 412
`version-mismatch` where the sent one is not the newest, `name-exists` where a uid is created twice, `meta`, 400 for one
that comes from a file), the history of versions, data sources by uid, groups of alert rules with their provenance.
Every call needs the token (401).
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_a-token-for-tests"  # noqa: S105 - of a server that lives as long as a test

Answer = tuple[int, Any]


@dataclass(slots=True)
class FakeGrafana:
    """What the server keeps; tests look into it, and edit as a person would."""

    url: str = ""
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[str]] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before_saving: Any = None
    always: Answer | None = None

    def edit(self, uid: str, **changes: Any) -> None:
        """Save a dashboard as a person does in the browser."""
        content = copy.deepcopy(self.dashboards[uid]) | changes
        self._store(content, self.placed[uid], "")

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """Return status and body."""
        self.calls.append(f"{method} {path}")
        if self.always is not None:
            return self.always
        for verb, pattern, call in _ROUTES:
            if verb == method and (match := re.fullmatch(pattern, path)):
                found: Answer = call(self, *match.groups(), *([] if body is None else [body]))  # type: ignore[arg-type]
                return found
        return 404, {"message": "Not found"}

    def folder(self, uid: str) -> Answer:
        """Get a folder."""
        return (200, self.folders[uid]) if uid in self.folders else (404, {"message": "folder not found"})

    def new_folder(self, body: dict[str, Any]) -> Answer:
        """Create a folder."""
        if body["uid"] in self.folders:
            return 409, {"message": "a folder with the same uid already exists"}
        self.folders[body["uid"]] = body | {"id": len(self.folders) + 1, "version": 1}
        return 200, self.folders[body["uid"]]

    def dashboard(self, uid: str) -> Answer:
        """Get a dashboard."""
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        meta = {"folderUid": self.placed[uid], "provisioned": uid in self.provisioned, "url": f"/d/{uid}"}
        return 200, {"dashboard": self.dashboards[uid], "meta": meta}

    def versions(self, uid: str) -> Answer:
        """Get the newest entry of a dashboard's history."""
        return 200, {"versions": [{"message": one} for one in self.history.get(uid, [])[-1:]]}

    def save_dashboard(self, body: dict[str, Any]) -> Answer:
        """Create or update a dashboard."""
        if self.before_saving is not None:
            act, self.before_saving = self.before_saving, None
            act()
        sent = body["dashboard"]
        if not sent.get("title"):
            return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        uid = sent["uid"]
        stored = self.dashboards.get(uid)
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if stored is not None and not body.get("overwrite"):
            if sent.get("id") is None:
                return 412, {"message": "A dashboard with the same uid already exists", "status": "name-exists"}
            if sent.get("version") != stored["version"]:
                said = "The dashboard has been changed by someone else"
                return 412, {"message": said, "status": "version-mismatch"}
        self._store(sent, body["folderUid"], body.get("message", ""))
        version = self.dashboards[uid]["version"]
        return 200, {"uid": uid, "url": f"/d/{uid}", "status": "success", "version": version}

    def _store(self, content: dict[str, Any], folder: str, message: str) -> None:
        uid = content["uid"]
        stored = self.dashboards.get(uid)
        numbers = (stored["id"], stored["version"] + 1) if stored else (len(self.dashboards) + 1, 1)
        self.dashboards[uid] = content | dict(zip(("id", "version"), numbers, strict=True))
        self.placed[uid] = folder
        self.history.setdefault(uid, []).append(message)

    def source(self, uid: str) -> Answer:
        """Get a data source; its secrets stay inside."""
        if uid not in self.sources:
            return 404, {"message": "Data source not found"}
        return 200, {name: value for name, value in self.sources[uid].items() if name != "secureJsonData"}

    def new_source(self, body: dict[str, Any]) -> Answer:
        """Create a data source."""
        if body["uid"] in self.sources:
            return 409, {"message": "data source with the same uid already exists"}
        self.sources[body["uid"]] = body
        return 200, {"datasource": {"uid": body["uid"]}, "message": "Datasource added"}

    def rules(self, folder: str, group: str) -> Answer:
        """Get a group of alert rules."""
        found = self.groups.get((folder, group))
        return (200, found) if found else (404, {"message": "group not found"})

    def save_rules(self, folder: str, group: str, body: dict[str, Any]) -> Answer:
        """Replace a group of alert rules."""
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        if wrong := [said for rule in body["rules"] if (said := _wrong_rule(rule))]:
            return 400, {"message": wrong[0]}
        rules = [rule | {"provenance": "api"} for rule in body["rules"]]
        self.groups[folder, group] = body | {"rules": rules}
        return 200, body


def _wrong_rule(rule: dict[str, Any]) -> str | None:
    """Return what Grafana would refuse of a rule.

    Source: Grafana, pkg/services/ngalert/models/alert_rule.go, ValidateAlertRule and what it calls.
    """
    annotations = rule["annotations"]
    if ("__dashboardUid__" in annotations) != ("__panelId__" in annotations):
        return "both annotations __dashboardUid__ and __panelId__ must be specified"
    if rule["condition"] not in {query["refId"] for query in rule["data"]}:
        return "condition does not exist, must be one of the queries"
    if rule["noDataState"] not in {"Alerting", "NoData", "OK", "KeepLast"}:
        return "unknown no data state"
    if rule["execErrState"] not in {"Alerting", "Error", "OK", "KeepLast"}:
        return "unknown execution error state"
    if not rule["title"] or len(rule["title"]) > 190 or len(rule["uid"]) > 40:
        return "title or uid is too long"
    return None


_UID = r"([^/]+)"
_ROUTES = (
    ("GET", rf"/api/folders/{_UID}", FakeGrafana.folder),
    ("POST", "/api/folders", FakeGrafana.new_folder),
    ("GET", rf"/api/dashboards/uid/{_UID}", FakeGrafana.dashboard),
    ("GET", rf"/api/dashboards/uid/{_UID}/versions\?limit=1", FakeGrafana.versions),
    ("POST", "/api/dashboards/db", FakeGrafana.save_dashboard),
    ("GET", rf"/api/datasources/uid/{_UID}", FakeGrafana.source),
    ("POST", "/api/datasources", FakeGrafana.new_source),
    ("GET", rf"/api/v1/provisioning/folder/{_UID}/rule-groups/{_UID}", FakeGrafana.rules),
    ("PUT", rf"/api/v1/provisioning/folder/{_UID}/rule-groups/{_UID}", FakeGrafana.save_rules),
)


@contextmanager
def running_grafana() -> Iterator[FakeGrafana]:
    """Run one on a free port of loopback."""
    grafana = FakeGrafana()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, found = 401, {"message": "Invalid API key"}
            else:
                status, found = grafana.answer(self.command, self.path, body)
            # A text is one of a server that is no Grafana.
            text = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    grafana.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield grafana
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
