"""A cloud that signs, a server of its files, a gateway that trusts it; and what a thief of keys can make."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from securesystemslib.signer import CryptoSigner
from support.update_server import UpdateServer
from tuf.api.metadata import Metadata

from cloud.updates.ceremony import add_class, make_repository
from cloud.updates.key_files import PrivateKey, read_keys
from cloud.updates.repository import UpdateRepository
from edge_agent.update_client import fetch_update
from edge_agent.update_request import Update, UpdateRequest
from edge_agent.update_transfer import Limits
from models.contract.update_names import UpdateRole

PUMPS = "gateway-models/pump"
FANS = "gateway-models/fan"
FIRST = f"{PUMPS}/base-1"
SECOND = f"{PUMPS}/base-2"
QUICK = Limits(least_rate_bytes_s=2000.0, window_s=0.25)


@dataclass
class Plant:
    """Everything there is in one folder."""

    folder: Path
    server: UpdateServer
    repository: UpdateRepository

    @property
    def offline(self) -> Path:
        """Return where the keys from the safe are."""
        return self.folder / "safe"

    @property
    def trusted(self) -> Path:
        """Return where the gateway keeps what it trusts."""
        return self.folder / "gateway" / "trusted"

    @property
    def into(self) -> Path:
        """Return where the gateway puts what was verified."""
        return self.folder / "gateway" / "updates"

    @property
    def metadata(self) -> Path:
        """Return where the cloud's metadata is."""
        return self.repository.directory / "metadata"

    def safe_keys(self, role: str = "") -> tuple[PrivateKey, ...]:
        """Return keys from the safe, of one role or all."""
        return tuple(key for file in sorted(self.offline.glob(f"{role}*.pem")) for key in read_keys(file, None))

    def online_keys(self, role: str) -> tuple[PrivateKey, ...]:
        """Return the keys that the cloud keeps of a role."""
        files = sorted(self.repository.keys_directory.glob(f"{role}-*.pem"))
        return tuple(key for file in files for key in read_keys(file, None))

    def publish(self, version: int, data: bytes | None = None, role: str = PUMPS, **custom: object) -> bytes:
        """Publish a model as the cloud would, and return it."""
        content = f"{role} {version}".encode() * 50 if data is None else data
        self.repository.publish(role, content, {"name": "base", "version": version, **custom}, datetime.now(UTC))
        return content

    def request(
        self,
        *names: str,
        sources: Sequence[str] = (),
        allowed: Sequence[str] = (f"{PUMPS}/*",),
        max_bytes: int = 1_000_000,
        limits: Limits = QUICK,
    ) -> UpdateRequest:
        """Return what a gateway asks for, patient enough for a test."""
        return UpdateRequest(
            sources=tuple(sources) or (self.server.address,),
            root=self.folder / "root.json",
            trusted=self.trusted,
            into=self.into,
            targets=names,
            allowed=tuple(allowed),
            max_bytes=max_bytes,
            limits=limits,
        )

    def fetch(self, *names: str, now: datetime | None = None, **how: object) -> Update:
        """Fetch as a gateway would."""
        return fetch_update(self.request(*names, **how), now or datetime.now(UTC))

    def kept(self) -> dict[str, bytes]:
        """Return everything a gateway keeps of updates, by path; what is still on its way does not count."""
        files = [file for folder in (self.trusted, self.into) for file in folder.rglob("*") if file.is_file()]
        return {str(file): file.read_bytes() for file in files if file.suffix != ".part" and file.name != "lock"}

    def forged(self, name: str, change: Callable[[object], None], keys: Sequence[PrivateKey]) -> bytes:
        """Return a file of metadata that was changed, signed with these keys."""
        metadata = Metadata.from_bytes((self.metadata / name).read_bytes())
        change(metadata.signed)
        metadata.signatures.clear()
        for key in keys:
            metadata.sign(CryptoSigner(key), append=True)
        return metadata.to_bytes()

    def newest(self, role: str) -> str:
        """Return the name of the newest file of a role."""
        state = self.repository.in_force()
        return next(one.file_name for one in state.documents if one.role == role)


@cache
def _made() -> Path:
    """Return a cloud with two classes and a model; every test works on a copy, because a ceremony takes its time."""
    folder = Path(mkdtemp(prefix="update-plant-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    repository = UpdateRepository(folder / "cloud")
    now = datetime.now(UTC)
    make_repository(repository, folder / "safe", now)
    keys = read_keys(folder / "safe", None)
    for owner in ("pump", "fan"):
        add_class(repository, UpdateRole.of("gateway-models", owner), keys, now)
    (folder / "root.json").write_bytes((folder / "cloud" / "metadata" / "1.root.json").read_bytes())
    with UpdateServer(folder / "cloud") as server:
        one = Plant(folder, server, repository)
        one.publish(1)
        one.fetch(FIRST)
        one.publish(2)
    return folder


@contextmanager
def plant(folder: Path) -> Iterator[Plant]:
    """Return a plant whose gateway has the first model of its pumps, while the second waits."""
    shutil.copytree(_made(), folder, dirs_exist_ok=True)
    with UpdateServer(folder / "cloud") as server:
        yield Plant(folder, server, UpdateRepository(folder / "cloud"))
