"""What a cloud is told in its TOML file: read once, checked strictly, passed down in slices.

    [cloud]
    data_dir = "./cloud"            # the stores; one process at a time
    host_id = "plantpulse"          # our Sparkplug host id; gateways name it as the one whose word counts
    groups = ["#all"]               # Sparkplug groups to listen to
    [mqtt]
    host = "127.0.0.1"
    port = 1883
    [http]                          # with TLS, proxy and sessions in cloud.http_settings
    host = "127.0.0.1"
    port = 8080
    [retention]
    summary_days = 90
    [book]                          # left out: a file in data_dir (`cloud.book.settings`)
    url = "postgresql://plantpulse@db.example/plantpulse"
    password_file = "book.password"
    [plant]                         # `cloud.plant_settings`
    time_zone = "Europe/Berlin"     # of pages and messages; left out: each browser's own
    [influx]                        # left out: trends are a file in data_dir (`cloud.trends.influx_settings`)
    url = "http://127.0.0.1:8086"
    [updates]                       # signed delivery to gateways (`cloud.updates.settings`)
    release_days = 90

An error names the file, the line where it can be found, the key, and for an unknown key the nearest known one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cloud.book.settings import BookSettings
from cloud.http_settings import HttpSettings
from cloud.notifying.settings import NotifySettings  # noqa: TC001 - pydantic reads it
from cloud.plant_settings import PlantSettings
from cloud.trends.influx_settings import InfluxSettings  # noqa: TC001 - pydantic reads it
from cloud.updates.settings import UpdateSettings
from models.contract.errors import TopicError
from models.contract.strict_toml import parse, read_text
from models.contract.topics import check_id

ALL_GROUPS: Final = "#all"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _allowed_id(name: str) -> str:
    """Return an id that Sparkplug allows."""
    try:
        return check_id(name)
    except TopicError as error:
        raise ValueError(str(error)) from error


def _allowed_group(name: str) -> str:
    """Return a group to listen to, or the word for all of them."""
    return name if name == ALL_GROUPS else _allowed_id(name)


Id = Annotated[str, AfterValidator(_allowed_id)]
Group = Annotated[str, AfterValidator(_allowed_group)]


class StoreSettings(_Section):
    """Where the stores are and who we are on the broker.

    Attributes:
        data_dir: directory of the stores, made if missing; relative to the configuration file.
        host_id: Sparkplug host id.
        groups: Sparkplug groups to listen to; ``#all`` means every one.
    """

    data_dir: Path = Path("plantpulse-cloud")
    host_id: Id = "plantpulse"
    groups: Annotated[tuple[Group, ...], Field(min_length=1)] = (ALL_GROUPS,)


class MqttSettings(_Section):
    """The broker.

    Attributes:
        tls: encrypted; the broker's certificate is checked against the system's authorities, or against `ca_file`.
        ca_file: the plant's own authority, PEM.
        certificate_file, key_file: what we show the broker, PEM.
        keepalive_s: after one and a half of these without a sign of life the broker publishes our will.
        reorder_ms: how long a message that came too early waits for those before it; a broker cluster may swap
            neighbours. Sparkplug calls it the reorder timeout.
        queue_messages: messages held between socket and stores; when full, reading stops and gateways keep theirs.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    reorder_ms: Annotated[int, Field(ge=0, le=60_000)] = 500
    queue_messages: Annotated[int, Field(ge=100, le=1_000_000)] = 5_000

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("ca_file and certificate_file are for TLS: add tls = true")
        return self

    def beside(self, folder: Path) -> MqttSettings:
        """Return the same with its files found from the folder of the configuration."""
        names = ("ca_file", "certificate_file", "key_file")
        files = {name: file for name in names if (file := getattr(self, name)) is not None}
        return self.model_copy(update={name: (folder / file.expanduser()).resolve() for name, file in files.items()})


class RetentionSettings(_Section):
    """How long each grain of history is kept, in days back from the newest data of the same machine.

    Attributes:
        summary_days: summaries as they came, with the vectors that retraining learns from.
        minute_days, hour_days: rollups; the daily ones stay for good.
            Quarter and five years are what plants ask for: one overhaul interval, and a few of them.
        reading_days: single values of foreign edge nodes and of gateways.
        spectrum_days: periodic spectra; evidence of alarms stays for good.
    """

    summary_days: Annotated[float, Field(gt=0)] = 90.0
    minute_days: Annotated[float, Field(gt=0)] = 100.0
    hour_days: Annotated[float, Field(gt=0)] = 1_826.0
    reading_days: Annotated[float, Field(gt=0)] = 90.0
    spectrum_days: Annotated[float, Field(gt=0)] = 100.0


class CloudSettings(_Section):
    """Everything a cloud is told."""

    cloud: StoreSettings = StoreSettings()
    mqtt: MqttSettings = MqttSettings()
    http: HttpSettings = HttpSettings()
    retention: RetentionSettings = RetentionSettings()
    book: BookSettings = BookSettings()
    influx: InfluxSettings | None = None
    plant: PlantSettings = PlantSettings()
    notify: NotifySettings | None = None
    updates: UpdateSettings = UpdateSettings()

    @model_validator(mode="after")
    def _messages_know_the_time(self) -> Self:
        if self.notify is not None and self.plant.time_zone is None:
            raise ValueError('[notify] needs the time zone of shifts and messages: [plant] time_zone = "Europe/Berlin"')
        return self


def read_configuration(path: Path) -> CloudSettings:
    """Return the settings of a TOML file; relative paths start at the file's folder.

    Raises:
        ConfigurationError: the file cannot be read, is no TOML, or says something that cannot be used.
    """
    settings, _ = parse(read_text(path), str(path), CloudSettings)
    data_dir = (path.parent / settings.cloud.data_dir.expanduser()).resolve()
    book = settings.book
    if book.password_file is not None:
        password_file = (path.parent / book.password_file.expanduser()).resolve()
        book = book.model_copy(update={"password_file": password_file})
    files = {name: file for name in ("tls_cert", "tls_key") if (file := getattr(settings.http, name)) is not None}
    http = settings.http.model_copy(
        update={name: (path.parent / file.expanduser()).resolve() for name, file in files.items()}
    )
    influx = settings.influx.resolved(path.parent) if settings.influx else None
    notify = settings.notify.beside(path.parent) if settings.notify else None
    changed = {
        "influx": influx,
        "mqtt": settings.mqtt.beside(path.parent),
        "http": http,
        "notify": notify,
        "cloud": settings.cloud.model_copy(update={"data_dir": data_dir}),
        "book": book,
        "updates": settings.updates.beside(path.parent),
    }
    return settings.model_copy(update=changed)
