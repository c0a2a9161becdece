"""The only file that imports grafana-api: Grafana's HTTP API as far as pushing needs it, its errors as one line each.

The library knows folders, dashboards and data sources; rules and history are calls of ours through its session.
Errors of the library and of requests below it become `GrafanaError`:

    no connection, timeout, broken     does not answer
    401, 403                           the token
    412                                somebody saved it meanwhile: `ChangedError`
    404 on looking                     None, it is not there
    everything else                    what it says

Source: Grafana HTTP API, folders, dashboards, dashboard versions, data sources, alerting provisioning.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from cloud.grafana.pushing import ChangedError, GrafanaError, Stored
from models.contract.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud.grafana.panels import Json

TIMEOUT_S: Final = 10.0


class GrafanaClient:
    """One Grafana.

    Args:
        url: such as `http://127.0.0.1:3000`, with the path if it is served below one.
        token: of a service account that may edit.
        timeout_s: how long one answer may take.

    Raises:
        InputError: the address is none.
        ConfigurationError: the library is not installed.
    """

    def __init__(self, url: str, token: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            from grafana_api.grafana_face import GrafanaFace  # type: ignore[import-untyped]  # it has none
        except ImportError as error:  # pragma: no cover - the tests have every extra
            raise ConfigurationError(
                "Grafana needs the library grafana-api: pip install 'plantpulse[servers]'"
            ) from error
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InputError(f"{url[:200]!r}: {error}") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            raise InputError(f"{url[:200]!r}: give the address of a Grafana, such as http://127.0.0.1:3000")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path = parts.path.strip("/")
        self._url = url.rstrip("/")
        # The library has no types: what it gives is Any here, and checked where it is used.
        self._face: Any = GrafanaFace(
            auth=token,
            host=host,
            port=port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=timeout_s,
        )

    def ensure_folder(self, uid: str, title: str) -> None:
        """Make our folder where it is missing."""
        if self._found(lambda: self._face.folder.get_folder(uid)) is None:
            self._do(lambda: self._face.folder.create_folder(title, uid))

    def dashboard(self, uid: str) -> Stored | None:
        """Return a dashboard, or None."""
        found = self._found(lambda: self._face.dashboard.get_dashboard(uid))
        if found is None:
            return None
        message = self._message(uid)
        try:
            return Stored(dict(found["dashboard"]), message, bool(found["meta"].get("provisioned")))
        except (KeyError, TypeError, AttributeError) as error:
            raise self._translated(error) from error

    def save(self, dashboard: Json, folder_uid: str, message: str) -> None:
        """Write a dashboard, over the version that it names and no other."""
        body = {"dashboard": dashboard, "folderUid": folder_uid, "message": message, "overwrite": False}
        self._do(lambda: self._face.dashboard.update_dashboard(body))

    def source(self, uid: str) -> Json | None:
        """Return a data source, or None."""
        found: Json | None = self._found(lambda: self._face.api.GET(f"/datasources/uid/{quote(uid)}"))
        return found

    def create_source(self, source: Json) -> None:
        """Make a data source."""
        self._do(lambda: self._face.datasource.create_datasource(source))

    def rules(self, folder_uid: str, group: str) -> list[Json]:
        """Return the rules of a group; none if there is no such group."""
        found = self._found(lambda: self._face.api.GET(_group_path(folder_uid, group)))
        rules = (found or {}).get("rules")
        return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []

    def save_rules(self, folder_uid: str, group: str, content: Json) -> None:
        """Write a group of rules."""
        self._do(lambda: self._face.api.PUT(_group_path(folder_uid, group), json=content))

    def _message(self, uid: str) -> str:
        """Return the message of a dashboard's newest version."""
        # A list in older versions, an object around it since 11.
        address = f"/dashboards/uid/{quote(uid)}/versions?limit=1"
        found = self._found(lambda: self._face.api.GET(address), (dict, list))
        versions = found.get("versions") if isinstance(found, dict) else found
        newest = versions[0] if isinstance(versions, list) and versions else {}
        return str(newest.get("message", "")) if isinstance(newest, dict) else ""

    def _found(self, call: Callable[[], Any], kinds: tuple[type, ...] = (dict,)) -> Any:
        """Return an answer, or None where Grafana has no such thing."""
        try:
            found = call()
        except Exception as error:
            if getattr(error, "status_code", None) == HTTPStatus.NOT_FOUND:
                return None
            raise self._translated(error) from error
        if not isinstance(found, kinds):
            raise self._translated(TypeError("neither an object nor what else was expected"))
        return found

    def _do(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> Exception:
        """Return the one line for people; what is no error of the libraries comes back as it is."""
        import requests
        from grafana_api.grafana_api import GrafanaException  # type: ignore[import-untyped]  # it has none

        who = f"Grafana {self._url}"
        if isinstance(error, GrafanaException):
            return _refusal(who, int(error.status_code), " ".join(str(error.message).split())[:300])
        other = GrafanaError(f"{who}: its answer is not one of Grafana's API: check the address")
        if isinstance(error, requests.exceptions.InvalidJSONError):
            return other
        if isinstance(error, requests.exceptions.Timeout):
            return GrafanaError(f"{who}: did not answer in time: look at its load")
        if isinstance(error, requests.exceptions.RequestException | OSError):
            return GrafanaError(f"{who}: does not answer: start it, or check the address")
        if isinstance(error, ValueError | KeyError | TypeError | AttributeError):
            return other
        return error


def _refusal(who: str, status: int, said: str) -> GrafanaError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return GrafanaError(f"{who} refuses the token ({status}): give one of a service account that may edit")
    if status == HTTPStatus.PRECONDITION_FAILED:
        return ChangedError(f"{who}: {said}: somebody saved it just now; start again")
    return GrafanaError(f"{who} did not take it ({status}): {said}")


def _group_path(folder_uid: str, group: str) -> str:
    return f"/v1/provisioning/folder/{quote(folder_uid)}/rule-groups/{quote(group)}"
