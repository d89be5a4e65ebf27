"""Which prefixes of buckets collections may read."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shared.core.errors import InvalidRequest
from shared.core.names import path_name
from shared.jobs.intake.folders import FolderNotAllowed
from shared.storage.buckets import SCHEME, normal


def is_inside(url: str, prefixes: Sequence[str]) -> bool:
    """Whether a normal prefix is one of `prefixes` or lies below one."""
    return any(url == prefix or url.startswith(prefix + "/") for prefix in prefixes)


def checked_prefix(wished: str, allowed: Sequence[str]) -> str:
    """The normal form of an allowed prefix. Raises InvalidRequest (`collection_prefix`), FolderNotAllowed."""
    try:
        url = normal(wished)
    except ValueError as error:
        raise InvalidRequest("collection_prefix", path=path_name(wished)) from error
    if not is_inside(url, allowed):
        raise FolderNotAllowed(path=path_name(wished))
    return url


def common(urls: Sequence[str]) -> str:
    """What all these prefixes begin with, folder by folder."""
    # None of them goes up, so they are paths but for their two slashes.
    return SCHEME + os.path.commonpath([url[len(SCHEME) :] for url in urls])
