"""Where blobs, thumbnails, banks and converted models lie: a folder, or an object store that several machines share."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from shared.core.errors import Unavailable
from shared.core.settings import Settings


class Stored(NamedTuple):
    """One file or object."""

    name: str
    size: int
    #: Seconds since the epoch: last written, or asked for where the store can note that.
    touched: float


class Storage(Protocol):
    """Content-addressed: a key is the SHA-256 (hex) of a photo's bytes. Every write is atomic and may be repeated."""

    def put(self, data: bytes, sha256: str) -> None:
        """Stores a blob; durable when this returns."""

    def adopt(self, path: Path, sha256: str) -> None:
        """Takes a finished temporary file from `spool_dir` as a blob; durable when this returns."""

    def spool_dir(self) -> Path:
        """A local folder for temporary files that `adopt` can take cheaply."""

    def has(self, sha256: str) -> bool: ...

    def available(self) -> bool:
        """Whether anything is stored here: a store that is not mounted or connected reads as an empty one. May raise
        what the store raises."""

    def keep(self, sha256: str) -> bool:
        """Whether the blob is here; if it is, `weft gc` leaves it alone until a job names it."""

    def read(self, sha256: str) -> bytes:
        """Raises: NotFound."""

    def local_copy(self, sha256: str) -> AbstractContextManager[Path]:
        """The blob as a file to read, gone or not ours afterwards. Raises: NotFound."""

    def discard(self, sha256: str, before: float) -> None:
        """Removes a blob that no job names any more, unless it was asked for after `before` (seconds since the epoch).
        An object store keeps it."""

    def stored(self, folder: str) -> Iterator[Stored]:
        """Everything in `blobs` or `thumbs`, in no order. Raises Unavailable."""

    def remove(self, folder: str, name: str, before: float) -> bool:
        """Removes what `stored` named, unless it was written or asked for after `before` (seconds since the epoch).
        Returns whether it is gone. Raises Unavailable."""

    def put_thumb(self, sha256: str, jpeg: bytes, large: bool = False) -> None:
        """A photo's thumbnail, or with `large` the one of twice its size."""

    def has_thumb(self, sha256: str, large: bool = False) -> bool: ...

    def thumb(self, sha256: str, large: bool = False) -> bytes | None: ...

    def share(self, path: Path, key: str) -> None:
        """Makes a file or a whole folder of the data dir known to the other machines, under `key`."""

    def unshare(self, key: str) -> None:
        """Takes back what was shared under `key`; what other machines have fetched stays with them."""

    def fetch(self, key: str, path: Path, without: Collection[str] = ()) -> bool:
        """Brings what another machine shared under `key` to `path`, atomically; False where there is nothing.

        `without`: files of the folder that stay behind, by name; each can be fetched later as `key/NAME`.
        """

    def is_shared(self, key: str) -> bool:
        """Whether some machine shared a whole folder under `key`; False where machines share the data dir itself."""


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name. Raises InvalidRequest, Conflict for a URL that nothing here can open."""
    if settings.storage_url:
        from shared.storage.remote import RemoteStorage

        return RemoteStorage(settings.storage_url, settings.data_dir)
    from shared.storage.local import LocalStorage

    return LocalStorage(settings.data_dir)


def require_storage(settings: Settings) -> Unavailable | None:
    """At a start: what is wrong with the object store, where waiting may mend it; None where it answers.

    Raises what does not mend itself. InvalidRequest: `storage_unknown`. Conflict: `storage_needs_package`,
    `storage_no_bucket`, `storage_denied`.
    """
    if settings.storage_url:
        from shared.storage.remote import RemoteStorage

        try:
            RemoteStorage(settings.storage_url, settings.data_dir).check()
        except Unavailable as error:
            return error
    return None
