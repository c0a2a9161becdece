"""The only file that imports influxdb-client: lines in, rows out, and its errors as one clear line each.

Writes and administration use the v2 API. Questions use InfluxQL, which every InfluxDB 2 answers at `/query`: it gives
a row per time with all fields beside each other, where Flux gives a row per field.

Errors of the library and of urllib3 below it become `StoreError` here:

    no connection, broken connection    down: start it
    timeout                             slow
    401, 403                            the token
    404                                 organisation or bucket is not there
    413, 429, 503                       overloaded, with what it says
    400, 422 with "field type conflict" somebody else writes into our buckets
    everything else                     what it says
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from cloud.errors import StoreError
from models.contract.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cloud.trends.influx_settings import InfluxAccess

LINES_PER_WRITE: Final = 5_000
"""What InfluxData recommends for one write; a summary of 68 features is one line of 8 kB."""
BYTES_PER_WRITE: Final = 4_000_000
"""A server refuses bodies beyond 25 MB; less also bounds what is formatted at a time."""
CHECK_TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Series:
    """One table of an answer: rows are lists in the order of `columns`; the time comes first, ns."""

    name: str
    tags: dict[str, str]
    columns: tuple[str, ...]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class BucketWish:
    """A bucket that is to be there; retention 0 keeps for good."""

    name: str
    retention_s: int
    shard_s: int


class InfluxServer:
    """One InfluxDB; may be used by several threads."""

    def __init__(self, access: InfluxAccess) -> None:
        try:
            from influxdb_client.client.influxdb_client import InfluxDBClient
            from influxdb_client.client.write_api import SYNCHRONOUS
        except ImportError as error:  # pragma: no cover - the tests have every extra
            raise ConfigurationError(
                "[influx] needs the library influxdb-client: pip install 'plantpulse[servers]'"
            ) from error
        self._access = access
        # The library has no complete types: what it gives is Any here, and checked where it is used.
        client: Any = InfluxDBClient(
            access.url,
            access.token,
            org=access.org,
            timeout=int(access.timeout_s * 1000),
            ssl_ca_cert=str(access.ca_file) if access.ca_file else None,
            connection_pool_maxsize=16,
        )
        self._client = client
        self._writer = client.write_api(write_options=SYNCHRONOUS)

    def write(self, bucket: str, lines: Sequence[str]) -> None:
        """Write lines; what was written before is overwritten with the same.

        Raises:
            StoreError: not all of them are stored.
        """
        for body in _bodies(lines):
            try:
                self._writer.write(bucket, self._access.org, body)
            except Exception as error:
                raise self._translated(error) from error

    def ask(self, statements: Sequence[str]) -> list[list[Series]]:
        """Return the tables of each InfluxQL statement.

        Raises:
            StoreError: no answer, or a statement was refused.
        """
        try:
            response = self._client.api_client.call_api(
                "/query",
                "POST",
                query_params=[("epoch", "ns")],
                header_params={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
                post_params=[("q", ";".join(statements))],
                auth_settings=[],
                _preload_content=False,
                _return_http_data_only=True,
            )
            document = json.loads(response.data)
        except Exception as error:
            raise self._translated(error) from error
        results: list[dict[str, Any]] = document.get("results", [])
        if wrong := document.get("error") or next((one["error"] for one in results if "error" in one), None):
            raise StoreError(f"InfluxDB {self._access.url} refuses a question: {wrong}")
        return [[_series(table) for table in result.get("series", ())] for result in results]

    def prepare(self, wishes: Sequence[BucketWish]) -> None:
        """Make buckets that are missing, and set the retention of those that are there.

        Raises:
            StoreError: it cannot be done.
        """
        from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules

        make_rules: Any = BucketRetentionRules
        try:
            api = self._client.buckets_api()
            for wish in wishes:
                rules = make_rules(
                    type="expire", every_seconds=wish.retention_s, shard_group_duration_seconds=wish.shard_s
                )
                bucket = api.find_bucket_by_name(wish.name)
                if bucket is None:
                    api.create_bucket(bucket_name=wish.name, retention_rules=rules, org=self._access.org)
                elif _retention_s(bucket) != wish.retention_s:
                    bucket.retention_rules = [rules]
                    api.update_bucket(bucket)
        except Exception as error:
            raise self._translated(error) from error

    def check(self) -> str:
        """Return its version, after looking whether it takes our token.

        Raises:
            StoreError: it does not answer, or refuses the token.
        """
        try:
            version = str(self._client.version())
            self._client.buckets_api().find_bucket_by_name(f"{self._access.bucket_prefix}_summaries")
        except Exception as error:
            raise self._translated(error) from error
        return version

    def close(self) -> None:
        """Let go of the connections."""
        self._writer.close()
        self._client.close()

    def _translated(self, error: Exception) -> StoreError:
        """Return the one line for people; what is no error of the libraries is raised as it is."""
        import urllib3
        from influxdb_client.client.exceptions import InfluxDBError
        from influxdb_client.rest import ApiException

        who = f"InfluxDB {self._access.url}"
        if isinstance(error, ApiException) and error.status:
            return StoreError(self._refusal(who, int(error.status), _said(error)))
        if isinstance(error, InfluxDBError) and error.response is None and not isinstance(error, ApiException):
            # What the library looks up by itself: the organisation by its name.
            return StoreError(f"{who}: {' '.join(str(error).split())}: check influx.org {self._access.org!r}")
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            reason = str(error).rpartition(": ")[2].rpartition("] ")[2]
            return StoreError(f"{who}: does not answer ({reason}): start it; gateways keep their records until then")
        if isinstance(error, urllib3.exceptions.TimeoutError):
            return StoreError(
                f"{who}: did not answer within {self._access.timeout_s:g} s: look at its load;"
                " gateways keep their records until then"
            )
        if isinstance(error, urllib3.exceptions.HTTPError | ApiException | ValueError | OSError):
            return StoreError(f"{who}: the connection broke ({str(error)[:200]}); the batch is kept and sent again")
        raise error

    def _refusal(self, who: str, status: int, said: str) -> str:
        kept = "the batch is kept"
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return (
                f"{who} refuses the token ({status}): {said}; {kept}: give one that may read and write the buckets"
                f" {self._access.bucket_prefix}_* of {self._access.org!r}"
            )
        if status == HTTPStatus.NOT_FOUND:
            return f"{who} does not find it ({status}): {said}; {kept}: check influx.org {self._access.org!r}"
        if "field type conflict" in said:
            return (
                f"{who}: {said}; {kept}: something else writes into our buckets: delete its points,"
                " or choose another influx.bucket_prefix"
            )
        return f"{who} did not take it ({status}): {said}; {kept}"


def _bodies(lines: Sequence[str]) -> Iterator[bytes]:
    """Yield lines in bodies of a size that a server takes."""
    gathered: list[str] = []
    size = 0
    for line in lines:
        if gathered and (len(gathered) >= LINES_PER_WRITE or size + len(line) > BYTES_PER_WRITE):
            yield "\n".join(gathered).encode()
            gathered, size = [], 0
        gathered.append(line)
        size += len(line)
    if gathered:
        yield "\n".join(gathered).encode()


def _series(table: dict[str, Any]) -> Series:
    return Series(table.get("name", ""), table.get("tags", {}), tuple(table["columns"]), table.get("values", []))


def _said(error: Any) -> str:
    """Return the message inside an answer, in one line."""
    body = error.body or b""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        document = json.loads(text)
        text = str(document.get("message") or document.get("error") or text)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:400] or str(error.reason)


def _retention_s(bucket: Any) -> int:
    return next((int(rule.every_seconds) for rule in bucket.retention_rules or ()), 0)
