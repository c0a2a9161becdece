"""A bundle becomes something that gateways can get: registered, signed and published, released. In this order.

Killed in between, doing the same again completes it: the registry knows the very same bundle, and delivery does not
publish the same bytes twice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloud.book.model_registry import change_version, version
from cloud.bundle_files import read_bundle as read_stored
from cloud.errors import RequestError
from cloud.registration import register_bundle
from cloud.registry import BundleFacts, Step, VersionState
from models.bundle.archive import read_bundle
from models.bundle.errors import BundleError
from models.contract.update_names import Purpose, TargetName, UpdateRole

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from cloud.book.accounts import Doing
    from cloud.book.model_tables import ModelVersion
    from cloud.updates.key_files import PrivateKey
    from cloud.updates.repository import UpdateRepository


def take_bundle(engine: Engine, data_dir: Path, data: bytes, doing: Doing, *, by_person: bool) -> ModelVersion:
    """Register what a bundle says of itself.

    Args:
        engine: of the book.
        data_dir: of the cloud.
        data: the bundle.
        doing: who registers it, and when.
        by_person: whether a person has to approve it before it is released.

    Raises:
        RequestError: no bundle, or one that cannot be registered.
        VersionTakenError: its version is there with other content.
        StoreError: it could not be stored.
    """
    try:
        bundle = read_bundle(data)
    except BundleError as error:
        raise RequestError(str(error)) from None
    manifest = bundle.manifest
    facts = BundleFacts(
        machine_class=manifest.machine_class,
        name=manifest.name,
        version=manifest.version,
        sha256=bundle.sha256,
        feature_hash=manifest.features.hash,
        size_bytes=bundle.size_bytes,
        metrics={metric.name: metric.value for metric in manifest.metrics if metric.value is not None},
        parents=(),
        training=tuple(one.sha256 for one in manifest.training.data),
    )
    return register_bundle(engine, data_dir, data, facts, doing, by_person=by_person)


def release(
    engine: Engine,
    data_dir: Path,
    repository: UpdateRepository,
    identifier: str,
    doing: Doing,
    *,
    keys: tuple[PrivateKey, ...] = (),
) -> ModelVersion:
    """Sign and publish an approved version, and say so in the book; one that is released already is left as it is.

    Args:
        engine: of the book.
        data_dir: of the cloud.
        repository: that gateways read.
        identifier: of the version.
        doing: who releases it, and when.
        keys: of the class, where its key is not kept with the cloud.

    Raises:
        NotFoundError: no such version, no repository, or its class was never added to it.
        ConflictError: it is not approved.
        KeyFileError: the key of its class is not at hand.
        StoreError, UpdateRepositoryError: it could not be written.
    """
    row = version(engine, identifier)
    if row.state in (VersionState.RELEASED, VersionState.CHAMPION):
        return row
    if row.state == VersionState.APPROVED:
        data = read_stored(data_dir, row.sha256)
        target = _published(repository, row, data, doing, keys)
        return change_version(engine, identifier, Step.RELEASE, doing, target_name=target.path)
    # Anything else is refused by the registry, in its own words, before anything is signed.
    return change_version(engine, identifier, Step.RELEASE, doing)


def _published(
    repository: UpdateRepository, row: ModelVersion, data: bytes, doing: Doing, keys: tuple[PrivateKey, ...]
) -> TargetName:
    """Return the name under which gateways can get it."""
    role = UpdateRole.of(Purpose.GATEWAY_MODELS, row.machine_class)
    there = repository.targets_of(role)
    again = next((name for name, one in there.items() if one.sha256 == row.sha256), None)
    if again is not None:
        return TargetName.parse(again)
    number = 1 + max((TargetName.parse(name).version for name in there), default=0)
    custom = {"name": row.name, "version": number, "model_version": row.version}
    now = datetime.fromtimestamp(doing.at_ms / 1000.0, UTC)
    return repository.publish(role.path, data, custom, now, keys)
