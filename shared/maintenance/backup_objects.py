"""The part of a backup that lies in an object store: blobs, thumbnails and banks, under the names they have there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.access.keys import FILE, REQUIRED
from shared.access.shared_keys import SharedKeys
from shared.core.files import replacing
from shared.core.settings import Settings
from shared.storage.names import COMPLETE
from shared.storage.remote import RemoteStorage

#: Objects on their way at once: each is small, and waits for the network.
_AT_ONCE = 16
_IMMUTABLE = ("blobs", "thumbs")


def store_of(settings: Settings) -> RemoteStorage | None:
    """The object store of the settings, if one is named. Raises as `RemoteStorage`."""
    return RemoteStorage(settings.storage_url, settings.data_dir) if settings.storage_url else None


def fetch_keys(settings: Settings) -> None:
    """Brings the data folder's keys up to what the machines of its store share."""
    if (shared := SharedKeys.of(settings, FILE, REQUIRED)) is not None:
        shared.fetch(now=True)


def download(store: RemoteStorage, target: Path, say: Callable[[str], None]) -> int:
    """Copies what `target` does not have yet; returns the number of new files. Raises Unavailable.

    Names below `blobs`, `thumbs` and of banks' versions keep their content for ever; the files beside the versions
    are copied again, and first: the versions that they name are there by then.
    """
    banks = list(store.objects("banks"))
    complete = {name.rpartition("/")[0] for name, _ in banks if name.endswith(f"/{COMPLETE}")}
    beside = [name for name, _ in banks if name.count("/") == 1]
    for name in beside:
        _fetch(store, name, target / name)
    versions = [(n, size) for n, size in banks if "/".join(n.split("/")[:2]) in complete and not n.endswith(COMPLETE)]
    copied = 0
    for found in (versions, *(store.objects(folder) for folder in _IMMUTABLE)):
        missing = [name for name, size in found if not _has(target / name, size)]
        for name, fetched in _together(lambda name: _fetch(store, name, target / name), missing):
            copied += fetched
            say(name)
    return copied


def upload(settings: Settings, store: RemoteStorage, source: Path) -> None:
    """Puts it where the store does not have it yet, and tells the other machines of banks and keys."""
    for folder in _IMMUTABLE:
        have = dict(store.objects(folder))
        files = (path for path in (source / folder).glob("??/*") if not path.name.startswith("."))
        names = {path.relative_to(source).as_posix(): path for path in files}
        missing = [name for name, path in names.items() if have.get(name) != path.stat().st_size]
        for _ in _together(lambda name: store.upload(source / name, name), missing):
            pass
    # Versions first: whoever sees which one is active finds it.
    for path in sorted((source / "banks").glob("[!.]*"), key=lambda path: (path.is_file(), path.name)):
        store.share(path, f"banks/{path.name}")
    kept = any((settings.data_dir / name).exists() for name in (FILE, REQUIRED))
    if kept and (shared := SharedKeys.of(settings, FILE, REQUIRED)) is not None:
        shared.share()


def _together(do: Callable[[str], object], names: Iterable[str]) -> Iterable[tuple[str, bool]]:
    def one(name: str) -> tuple[str, bool]:
        return name, do(name) is not False

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(one, names)


def _has(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size == size


def _fetch(store: RemoteStorage, name: str, path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path, durable=False) as part:
            store.download(name, part)
    except FileNotFoundError:
        # Removed meanwhile, by whoever deletes jobs and banks.
        return False
    return True
