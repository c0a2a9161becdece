"""Fetches what the cloud has signed for this gateway; the only file on the gateway that imports python-tuf.

Used in a process of its own (`edge_agent.update_process`), because the library would take 10 MB of the agent's memory
for as long as it lives.

is it ours to ask for → is the clock possible → for one source after the other: copy what is trusted → refresh that
copy (root, timestamp, snapshot, targets) → find each target and what it needs → download beside → length and hash →
only now: trusted state, then files, take their places

Nothing half verified is ever kept, with one exception: a root that the root before it has signed stays, or a mirror
could keep us from learning that a key was stolen by breaking off after it.

Errors have codes: see `edge_agent.update_errors`.

Source: The Update Framework specification 1.0.33, section 5, *Detailed client workflow*.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater

from edge_agent.update_errors import (
    ArbitrarySoftwareError,
    BootstrapError,
    ClockOffError,
    DamagedMetadataError,
    EndlessDataError,
    ExtraneousDependenciesError,
    FastForwardError,
    FreezeError,
    KeyCompromiseError,
    MaliciousMirrorError,
    MissingFileError,
    MixAndMatchError,
    PartialBundleError,
    RollbackError,
    SourceError,
    StorageError,
    TooLargeError,
    UnknownTargetError,
    UnreachableError,
    UpdateError,
    WrongSoftwareError,
)
from edge_agent.update_request import Update, UpdateRequest, VerifiedTarget
from edge_agent.update_state import TrustedState, bring_to_disk, signed_at, signed_part
from edge_agent.update_transfer import Source, download, open_source
from models.contract.errors import UpdateNameError
from models.contract.update_names import NEEDS, TargetName, fits

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

MOST_JUMP: Final = 1_000_000
"""Versions that work explains since we last looked: a hundred a day for 27 years."""
MOST_TOGETHER: Final = 16
"""Targets of one update, with what they need."""
ORDERED: Final = frozenset({"root", "timestamp", "snapshot"})
"""Roles whose versions we compare with those that we have seen; those of others must be what the snapshot says."""
CLOCK_PLAY: Final = timedelta(minutes=10)
"""Clocks of cloud and gateway may differ by so much: without a time server some seconds a day."""
CLOCK_WRONG: Final = timedelta(days=1)

# It logs whole stacks at debug level, and what matters of them is in our errors.
logging.getLogger("tuf").setLevel(logging.CRITICAL)


def fetch_update(request: UpdateRequest, now: datetime) -> Update:
    """Return verified files, all that were asked for.

    Args:
        request: what, and where from.
        now: UTC.

    Raises:
        UpdateError: why not, see `edge_agent.update_errors`; what was trusted before still is.
        InputError: a source or a name is none.
    """
    sources = [open_source(address, request.limits) for address in request.sources]
    for name in request.targets:
        _check_ours(name, request.allowed)
    try:
        bootstrap = request.root.read_bytes()
    except OSError as error:
        raise BootstrapError(f"{request.root}: cannot be read ({error.strerror}): install the plant's root") from error
    state = TrustedState(request.trusted)
    _check_clock(now, signed_at(signed_part(request.root)), signed_at(state.signed("timestamp")))
    refused: list[tuple[str, SourceError]] = []
    with state.held():
        for source in sources:
            try:
                return _Attempt(request, state, source, now).run(bootstrap, tuple(refused))
            except SourceError as error:
                refused.append((source.name, error))
            except OSError as error:
                raise StorageError(
                    f"the update cannot be kept ({error.strerror or error}): is the disk full?"
                ) from error
    if len(refused) == 1:
        raise refused[0][1]
    raise MaliciousMirrorError(refused)


def _check_ours(name: str, allowed: tuple[str, ...]) -> None:
    try:
        TargetName.parse(name)
    except UpdateNameError as error:
        raise WrongSoftwareError(str(error)) from error
    if not any(fits(name, pattern) for pattern in allowed):
        raise WrongSoftwareError(f"{name}: is none of this gateway's business, which is {', '.join(allowed)}")


def _check_clock(now: datetime, *moments: datetime | None) -> None:
    """Refuse a clock that stands before something that was signed already.

    With it every signature would look good for ever, which is what signatures with an end are there against.
    """
    newest = max((moment for moment in moments if moment is not None), default=now)
    if now < newest - CLOCK_PLAY:
        raise ClockOffError(
            f"this gateway's clock says {now:%Y-%m-%d %H:%M} UTC, but what we trust was signed at"
            f" {newest:%Y-%m-%d %H:%M}: set the clock (time server, battery), unless it is the cloud's that is ahead"
        )


class _Fetcher(FetcherInterface):
    """Lets python-tuf read from our sources, and remembers what it read last: errors are about that."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.path = ""
        self.data = b""
        self._reading: Generator[bytes, None, None] | None = None

    @property
    def role(self) -> str:
        """Return whose metadata it was."""
        name = self.path.rpartition("/")[2].removesuffix(".json")
        return name.partition(".")[2] if name[:1].isdigit() else name

    def close(self) -> None:
        """Hang up: the library leaves what is too long where it is."""
        if self._reading is not None:
            self._reading.close()

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.close()
        self._reading = self._read(url)
        return self._reading

    def _read(self, url: str) -> Generator[bytes, None, None]:
        self.path, self.data = url, b""
        try:
            with self.source.open(url) as incoming:
                for chunk in incoming.chunks:
                    self.data += chunk
                    yield chunk
        except MissingFileError as error:
            raise tuf_errors.DownloadHTTPError(str(error), 404) from error


class _Attempt:
    """One try with one source."""

    def __init__(self, request: UpdateRequest, state: TrustedState, source: Source, now: datetime) -> None:
        self._request = request
        self._state = state
        self._source = source
        self._now = now
        self._fetcher = _Fetcher(source)

    def run(self, bootstrap: bytes, refused: tuple[tuple[str, SourceError], ...]) -> Update:
        with self._state.copied() as folder:
            copy = TrustedState(folder)
            before = self._state.versions()
            try:
                updater = Updater(str(folder), "metadata/", fetcher=self._fetcher, bootstrap=bootstrap)
            except OSError:
                raise
            except Exception as error:
                # The file is a person's: whatever the library finds wrong with it has one answer.
                raise BootstrapError(
                    f"{self._request.root}: is no root that signs itself: install the plant's"
                ) from error
            try:
                with closing(self._fetcher):
                    updater.refresh()
                    found = self._found(updater)
            except OSError:
                raise
            except Exception as error:
                # Whoever wrote the bytes may have found a way to make the library fail in yet another way.
                named = self._named(error, copy)
                try:
                    self._check(copy, before)
                finally:
                    self._state.keep(folder, roots_only=True)
                if named is error:
                    raise
                raise named from error
            self._check(copy, before)
            self._request.into.mkdir(parents=True, exist_ok=True)
            partials = self._downloaded(found, copy)
            self._state.keep(folder)
        targets = tuple(self._placed(target, partial) for target, partial in zip(found, partials, strict=True))
        bring_to_disk(self._request.into)
        return Update(self._source.name, targets, self._state.versions(), refused)

    def _check(self, copy: TrustedState, before: dict[str, int]) -> None:
        """Refuse what its signatures allow, but sense does not."""
        _check_clock(self._now, signed_at(copy.signed("timestamp")))
        for role, version in copy.versions().items():
            if version - before.get(role, 0) > MOST_JUMP:
                raise FastForwardError(
                    f"{self._source.name}: {role} jumps from version {before.get(role, 0)} to {version}: its key may be"
                    " stolen: rotate it"
                )

    def _found(self, updater: Updater) -> list[TargetFile]:
        """Return what was asked for and what that needs."""
        found: dict[str, TargetFile] = {}
        waiting = list(dict.fromkeys(self._request.targets))
        while waiting:
            name = waiting.pop(0)
            target = updater.get_targetinfo(name)
            if target is None:
                missing = f"{self._source.name}: {name} is signed by nobody who may sign it"
                raise (
                    PartialBundleError(f"{missing}, and belongs to {min(found)}")
                    if found
                    else UnknownTargetError(missing)
                )
            found[name] = target
            if target.length > self._request.max_bytes:
                raise TooLargeError(f"{name}: {target.length} bytes: this gateway takes {self._request.max_bytes}")
            waiting += [one for one in self._needs(target) if one not in found and one not in waiting]
            if len(found) + len(waiting) > MOST_TOGETHER:
                raise ExtraneousDependenciesError(f"{name}: needs more than {MOST_TOGETHER} targets")
        return list(found.values())

    def _needs(self, target: TargetFile) -> list[str]:
        needs = _custom(target).get(NEEDS, [])
        if not isinstance(needs, list):
            raise DamagedMetadataError(f"{self._source.name}: {target.path}: {NEEDS} is no list")
        for one in needs:
            try:
                _check_ours(str(one), self._request.allowed)
            except WrongSoftwareError as error:
                raise ExtraneousDependenciesError(f"{self._source.name}: {target.path} needs {error}") from error
        return list(map(str, needs))

    def _downloaded(self, targets: list[TargetFile], copy: TrustedState) -> list[Path]:
        """Return verified files, still beside their places."""
        partials = [self._request.into / f".{self._digest(target)}.part" for target in targets]
        for left_over in set(self._request.into.glob(".*.part")) - set(partials):
            left_over.unlink(missing_ok=True)
        for target, partial in zip(targets, partials, strict=True):
            if _is_right(target, self._place(target)):
                continue
            try:
                self._download(target, partial, copy)
            except MissingFileError as error:
                if len(targets) > 1:
                    raise PartialBundleError(f"{error}, and not all that belongs together") from error
                raise
        return partials

    def _download(self, target: TargetFile, partial: Path, copy: TrustedState) -> None:
        path = "targets/" + quote(target.get_prefixed_paths()[0])
        # What a bad mirror began, a good one cannot finish: then once more from the start.
        for has_begun in (partial.exists(), False):
            download(self._source, path, partial, target.length)
            if _is_right(target, partial):
                return
            data_sha256 = _sha256(partial)
            partial.unlink()
            if has_begun:
                continue
            others = {digest for file in copy.files() for digest in _digests(signed_part(file))}
            if data_sha256 in others:
                raise WrongSoftwareError(f"{self._source.name}: sends something else in place of {target.path}")
            raise ArbitrarySoftwareError(f"{self._source.name}: {target.path} is not what was signed")

    def _placed(self, target: TargetFile, partial: Path) -> VerifiedTarget:
        place = self._place(target)
        if partial.exists():
            partial.replace(place)
        return VerifiedTarget(target.path, place, self._digest(target), target.length, _custom(target))

    def _place(self, target: TargetFile) -> Path:
        return self._request.into / f"{self._digest(target)}.{target.path.rpartition('/')[2]}"

    def _digest(self, target: TargetFile) -> str:
        digest = target.hashes.get("sha256", "")
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise DamagedMetadataError(f"{self._source.name}: {target.path} is signed without SHA-256")
        return digest

    def _named(self, error: Exception, copy: TrustedState) -> UpdateError:
        """Return what an error of python-tuf means."""
        where = f"{self._source.name}: {self._fetcher.role}"
        match error:
            case UpdateError():
                return error
            case tuf_errors.DownloadError():
                is_endless = isinstance(error, tuf_errors.DownloadLengthMismatchError)
                return EndlessDataError(f"{where}: {error}") if is_endless else UnreachableError(str(error))
            case tuf_errors.ExpiredMetadataError():
                return self._ended(str(error))
            case tuf_errors.UnsignedMetadataError():
                return self._unsigned(where, copy)
            case tuf_errors.RepositoryError() if not isinstance(error, DeserializationError):
                return self._contradicting(where, error, copy)
            case _:
                return DamagedMetadataError(f"{where} cannot be read ({type(error).__name__})")

    def _unsigned(self, where: str, copy: TrustedState) -> UpdateError:
        count = self._count_signatures(copy)
        if count:
            return KeyCompromiseError(f"{where} is signed by {count} of its keys, which are too few")
        return ArbitrarySoftwareError(f"{where} is signed by nobody we trust")

    def _contradicting(self, where: str, error: Exception, copy: TrustedState) -> UpdateError:
        """Return what it means that something does not go with what we know: forged, old, or of another set."""
        if isinstance(error, tuf_errors.LengthOrHashMismatchError) and not self._count_signatures(copy):
            return ArbitrarySoftwareError(f"{where} is signed by nobody we trust ({error})")
        is_old = isinstance(error, tuf_errors.BadVersionNumberError) and self._fetcher.role in ORDERED
        # Refused without more: it is of another kind, or no longer names what the one before it named.
        is_less = type(error) is tuf_errors.RepositoryError and self._fetcher.role == "snapshot" == self._kind()
        if is_old or is_less:
            return RollbackError(f"{where} is older than what we have seen ({error})")
        return MixAndMatchError(f"{where} is not the one that belongs to the others ({error})")

    def _ended(self, what: str) -> UpdateError:
        there = self._source.time
        if there is not None and abs(there - self._now) > CLOCK_WRONG:
            return ClockOffError(
                f"{what}, and this gateway's clock says {self._now:%Y-%m-%d %H:%M} UTC where {self._source.name} says"
                f" {there:%Y-%m-%d %H:%M}: look which is right, and set the clock"
            )
        return FreezeError(
            f"{self._source.name}: {what}: nothing newer is there, or somebody keeps it from us; if the cloud is well,"
            f" look at this gateway's clock ({self._now:%Y-%m-%d %H:%M} UTC)"
        )

    def _kind(self) -> object:
        with suppress(ValueError, RecursionError, KeyError, TypeError):
            return json.loads(self._fetcher.data)["signed"]["_type"]
        return None

    def _count_signatures(self, copy: TrustedState) -> int:
        """Return how many keys of the role have signed what was read last."""
        role = self._fetcher.role
        is_top = role in {"root", "timestamp", "snapshot", "targets"}
        above = copy.newest_root() if is_top else copy.directory / "targets.json"
        with suppress(OSError, ValueError, KeyError, tuf_errors.RepositoryError):
            if above is not None:
                delegator = Metadata.from_bytes(above.read_bytes()).signed
                read = Metadata.from_bytes(self._fetcher.data)
                if isinstance(delegator, Root | Targets):
                    return len(delegator.get_verification_result(role, read.signed_bytes, read.signatures).signed)
        return 0


def _custom(target: TargetFile) -> dict[str, Any]:
    return target.custom if isinstance(target.custom, dict) else {}


def _is_right(target: TargetFile, file: Path) -> bool:
    try:
        with file.open("rb") as data:
            target.verify_length_and_hashes(data)
    except (OSError, tuf_errors.LengthOrHashMismatchError):
        return False
    return True


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _digests(signed: dict[str, Any]) -> Iterator[str]:
    targets = signed.get("targets")
    for one in (targets if isinstance(targets, dict) else {}).values():
        yield one.get("hashes", {}).get("sha256", "")
