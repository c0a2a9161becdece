"""A bundle comes in: its bytes onto the disk first, then its facts into the book.

Killed in between, there is a file that no row speaks of, which does no harm, and never a row without its file.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cloud.book.model_registry import add_version
from cloud.bundle_files import store_bundle
from cloud.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from cloud.book.accounts import Doing
    from cloud.book.model_tables import ModelVersion
    from cloud.registry import BundleFacts


def register_bundle(
    engine: Engine, data_dir: Path, data: bytes, facts: BundleFacts, doing: Doing, *, by_person: bool
) -> ModelVersion:
    """Store a bundle and register its version; the very same one again changes nothing.

    Args:
        engine: of the book.
        data_dir: of the cloud.
        data: the bundle.
        facts: what whoever made it says of it.
        doing: who registers it, and when.
        by_person: whether a person has to approve it before it is released.

    Raises:
        RequestError: the facts are of other bytes, or cannot be used.
        VersionTakenError: the version is there with other content.
        StoreError: it could not be stored.
    """
    if hashlib.sha256(data).hexdigest() != facts.sha256 or len(data) != facts.size_bytes:
        raise RequestError("the bundle: its bytes are not those that its facts speak of")
    store_bundle(data_dir, data)
    return add_version(engine, facts, doing, by_person=by_person)
