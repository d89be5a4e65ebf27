"""Photos in buckets of an object store that others fill: listed and read, never written.

Credentials come from the environment, as for `remote.py`.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shared.core.errors import Conflict, Unavailable
from shared.core.files import sha256_of
from shared.storage.remote import filesystem

T = TypeVar("T")
SCHEME = "s3://"


class Object(NamedTuple):
    """An object of a bucket."""

    #: Its key, from the prefix on.
    name: str
    size: int
    #: When it was written, in nanoseconds since the epoch; the part below a second stands for its content (ETag).
    changed: int


def is_bucket(folder: str) -> bool:
    """Whether a collection's folder is a prefix of a bucket."""
    return folder.lower().startswith(SCHEME)


def normal(url: str) -> str:
    """`s3://BUCKET/PREFIX` without slashes at its end. Raises ValueError where it names no bucket."""
    text = url.strip()
    path = text[len(SCHEME) :].strip("/")
    if not is_bucket(text) or not path:
        raise ValueError("s3://BUCKET or s3://BUCKET/PREFIX")
    return SCHEME + path


class Prefix:
    """What lies below `s3://BUCKET/PREFIX`.

    Every call raises Conflict (`collection_no_bucket`, `collection_bucket_denied`), Unavailable
    (`collection_bucket_away`). Raises Conflict (`collection_needs_package`) itself.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._bucket, _, prefix = url[len(SCHEME) :].partition("/")
        self._prefix = prefix + "/" if prefix else ""
        try:
            self._fs = filesystem("s3")
        except Conflict as error:
            raise Conflict("collection_needs_package", **error.detail) from error

    def objects(self) -> Iterator[Object]:
        """All of them, in the order of their keys, as the store lists them: a thousand at a time."""
        more: dict[str, str] = {}
        while True:
            wanted = {"Bucket": self._bucket, "Prefix": self._prefix, **more}
            answer: dict[str, Any] = self._call(partial(self._fs.call_s3, "list_objects_v2", **wanted))
            for one in answer.get("Contents", ()):
                name = one["Key"][len(self._prefix) :]
                # Consoles make empty objects for folders.
                if name and not name.endswith("/"):
                    yield Object(name, int(one["Size"]), _changed(one))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def fetch(self, name: str, target: Path) -> str | None:
        """Writes an object to a new file; returns its SHA-256. None: it is gone, or this object may not be read.

        Also raises Unavailable (`disk_full`).
        """
        try:
            self._fs.get_file(f"{self._bucket}/{self._prefix}{name}", str(target))
            return sha256_of(target)
        except (FileNotFoundError, PermissionError):
            return None
        except Exception as error:
            # Not `disk_errors`: the client raises errors without a number.
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Unavailable("disk_full", retry_after=60) from error
            raise self._away(error) from error

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except FileNotFoundError as error:
            raise Conflict("collection_no_bucket", bucket=self._bucket) from error
        except PermissionError as error:
            raise Conflict("collection_bucket_denied", path=self._url, reason=str(error)) from error
        except Exception as error:  # the client has errors of its own
            raise self._away(error) from error

    def _away(self, error: Exception) -> Unavailable:
        reason = f"{type(error).__name__}: {error}"[:300]
        return Unavailable("collection_bucket_away", retry_after=10, path=self._url, reason=reason)


def _changed(told: dict[str, Any]) -> int:
    written = told["LastModified"]
    seconds = int(written.timestamp()) if isinstance(written, datetime) else 0
    # Stores tell seconds only; within one, an object may be written again.
    return seconds * 1_000_000_000 + zlib.crc32(str(told.get("ETag", "")).encode()) % 1_000_000_000
