"""Bringing it to a running Grafana, and never over what a person edited.

    folder → data source, if it is missing → each dashboard: look, decide, write → the group of rules: look, write

Every dashboard that we write carries the hash of its content as a tag. What is there now is compared with its tag: the
same content is ours, whatever version it is; anything else was touched by a person, and ours goes beside it under
another uid and title. Grafana may bring an old document up to date by itself: then the newest entry of its history is
still our own message with that hash, and it counts as ours. Deciding is pure; the calls are in `client`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from cloud.errors import CloudError
from cloud.grafana.boards import FOLDER_TITLE, FOLDER_UID
from cloud.grafana.files import SOURCE_NAME, dashboards, data_source
from cloud.grafana.panels import SOURCE_UID
from cloud.grafana.rules import GROUP, group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud.grafana.boards import Places
    from cloud.grafana.client import GrafanaClient
    from cloud.grafana.panels import Json

HASH_TAG: Final = "plantpulse-hash-"
BESIDE: Final = "-beside"
NOT_CONTENT: Final = frozenset({"id", "version", "tags"})
"""Grafana's own numbers, and the tags, which hold the hash; tags that people add are no edit of the content."""


class GrafanaError(CloudError):
    """Grafana did not do what was asked; one line says what and what to do."""


class ChangedError(GrafanaError):
    """A dashboard was saved by somebody between our look and our write."""


class Written(StrEnum):
    """What became of a dashboard or a group of rules."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    BESIDE = "beside"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Stored:
    """A dashboard as Grafana has it.

    Attributes:
        content: its JSON.
        message: of the newest entry of its history; empty if there is none.
        provisioned: whether it comes from a file, so that the API may not write it.
    """

    content: Json
    message: str = ""
    provisioned: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one thing.

    Attributes:
        what: its title.
        uid: under which it is there now.
        written: what was done.
        warning: one line, where a person should know.
    """

    what: str
    uid: str
    written: Written
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The InfluxDB that Grafana is to ask."""

    url: str
    org: str
    token: str


def content_hash(dashboard: Mapping[str, Any]) -> str:
    """Return the hash of what a dashboard shows: everything but Grafana's numbers and the tags."""
    content = {name: value for name, value in dashboard.items() if name not in NOT_CONTENT}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def signed(dashboard: Json) -> Json:
    """Return a dashboard with the tag that holds its hash."""
    return dashboard | {"tags": [*dashboard["tags"], HASH_TAG + content_hash(dashboard)]}


def message_of(dashboard: Mapping[str, Any]) -> str:
    """Return what stands in Grafana's history for a dashboard that we write."""
    return f"plantpulse {content_hash(dashboard)}"


def is_edited(stored: Stored) -> bool:
    """Return whether a person touched what is there: it is not what its tag says, nor our own newest version."""
    tags = [tag for tag in stored.content.get("tags") or () if str(tag).startswith(HASH_TAG)]
    if len(tags) != 1:
        return True
    promised = str(tags[0]).removeprefix(HASH_TAG)
    return content_hash(stored.content) != promised and stored.message != f"plantpulse {promised}"


def beside(dashboard: Json) -> Json:
    """Return the same dashboard under the uid and title that stand beside an edited one."""
    return dashboard | {"uid": dashboard["uid"] + BESIDE, "title": f"{dashboard['title']} (generated)"}


def push(client: GrafanaClient, places: Places, source: Source | None) -> list[Outcome]:
    """Bring everything to a Grafana.

    Args:
        client: of it.
        places: what dashboards point at.
        source: the InfluxDB; None leaves the data source as it is.

    Raises:
        GrafanaError: it did not answer, or refused.
    """
    client.ensure_folder(FOLDER_UID, FOLDER_TITLE)
    done = [_push_source(client, places, source)]
    done += [push_dashboard(client, one) for one in dashboards(places)]
    done.append(_push_rules(client, places))
    return done


def push_dashboard(client: GrafanaClient, dashboard: Json) -> Outcome:
    """Write one dashboard: over what we wrote, beside what a person edited.

    Raises:
        GrafanaError: Grafana did not answer, or refused; `ChangedError` if both places were edited meanwhile.
    """
    title = dashboard["title"]
    stored = client.dashboard(dashboard["uid"])
    if stored is not None and stored.provisioned:
        text = f"{title}: comes from a file of this Grafana's provisioning: change the file; nothing was written"
        return Outcome(title, dashboard["uid"], Written.LEFT, text)
    try:
        if stored is None or not is_edited(stored):
            return _write(client, dashboard, stored)
    except ChangedError:
        # Somebody saved it between our look and our write: that is an edit.
        pass
    ours = beside(dashboard)
    warning = f"{title}: somebody edited it: left alone; the generated one is beside it as {ours['title']!r}"
    stored = client.dashboard(ours["uid"])
    if stored is not None and is_edited(stored):
        warning = f"{title}: somebody edited it, and {ours['title']!r} beside it: both left alone; delete one of them"
        return Outcome(title, ours["uid"], Written.LEFT, warning)
    _write(client, ours, stored)
    return Outcome(title, ours["uid"], Written.BESIDE, warning)


def _write(client: GrafanaClient, dashboard: Json, stored: Stored | None) -> Outcome:
    """Create a dashboard, or replace the version that was looked at and no other."""
    new = signed(dashboard)
    title, uid = dashboard["title"], dashboard["uid"]
    if stored is None:
        client.save(new, FOLDER_UID, message_of(dashboard))
        return Outcome(title, uid, Written.CREATED)
    if set(new["tags"]) <= set(stored.content["tags"]):
        return Outcome(title, uid, Written.UNCHANGED)
    tags = [tag for tag in stored.content["tags"] if not tag.startswith(HASH_TAG)]
    new["tags"] = [*tags, *(tag for tag in new["tags"] if tag not in tags)]
    # Without `overwrite`, Grafana refuses when the version is no longer the one that we saw.
    version = {"id": stored.content["id"], "version": stored.content["version"]}
    client.save(new | version, FOLDER_UID, message_of(dashboard))
    return Outcome(title, uid, Written.UPDATED)


def _push_source(client: GrafanaClient, places: Places, source: Source | None) -> Outcome:
    """Make the data source where it is missing; one that is there belongs to people."""
    stored = client.source(SOURCE_UID)
    if source is None:
        missing = f"{SOURCE_NAME}: is not there, and nobody said where it is: give --config or --influx"
        if stored is None:
            return Outcome(SOURCE_NAME, SOURCE_UID, Written.LEFT, missing)
        return Outcome(SOURCE_NAME, SOURCE_UID, Written.UNCHANGED)
    wanted = data_source(places, source.url, source.org, source.token)
    if stored is None:
        client.create_source(wanted)
        return Outcome(wanted["name"], wanted["uid"], Written.CREATED)
    where = str(stored.get("url", "")).rstrip("/")
    if where == source.url.rstrip("/"):
        return Outcome(wanted["name"], wanted["uid"], Written.UNCHANGED)
    warning = f"{wanted['name']}: asks {where}, not {source.url}: left alone; change it in Grafana, or delete it"
    return Outcome(wanted["name"], wanted["uid"], Written.LEFT, warning)


def _push_rules(client: GrafanaClient, places: Places) -> Outcome:
    """Write the group of rules; Grafana locks rules that come through this API, so people copy them to change them."""
    wanted = group(places)
    stored = client.rules(FOLDER_UID, GROUP)
    others = [rule["title"] for rule in stored if rule.get("provenance") != "api"]
    if others:
        warning = f"alert rules: {others[0]!r} of group {GROUP!r} was edited or comes from a file: all left alone"
        return Outcome("alert rules", GROUP, Written.LEFT, warning)
    client.save_rules(FOLDER_UID, GROUP, wanted)
    return Outcome("alert rules", GROUP, Written.UPDATED if stored else Written.CREATED)
